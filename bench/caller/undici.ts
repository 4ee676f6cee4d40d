import { Pool } from 'undici'
import { tlsOptions } from '../certificates.ts'
import type { CallerSettings } from '../messages.ts'
import type { Caller } from './drive.ts'
import { originsOf, requestsTo } from './requests.ts'
import { judge, Sink } from './sink.ts'

function poolOf(
  settings: CallerSettings,
  origin = originsOf(settings)[0] ?? '',
): { pool: Pool; origin: string } {
  const { certificates } = settings
  const connect = certificates !== undefined && {
    connect: { ...tlsOptions(certificates, 'bench'), maxCachedSessions: 0 },
  }
  return { pool: new Pool(origin, { pipelining: 1, ...connect }), origin }
}

/** The cheapest way to use undici, and what everything else is compared with. */
export function dispatchCaller(settings: CallerSettings): Caller {
  const { pool, origin } = poolOf(settings)
  const requests = requestsTo(origin)
  return { once: (method, done) => void pool.dispatch(requests[method], new Sink(done)) }
}

/** The same over all addresses in turn. */
export function dispatchFourCaller(settings: CallerSettings): Caller {
  const each = originsOf(settings).map((origin) => ({
    pool: poolOf(settings, origin).pool,
    requests: requestsTo(origin),
  }))
  let turn = 0
  return {
    once(method, done) {
      const { pool, requests } = each[turn++ % each.length]!
      pool.dispatch(requests[method], new Sink(done))
    },
  }
}

export function requestCaller(settings: CallerSettings): Caller {
  const { pool, origin } = poolOf(settings)
  const requests = requestsTo(origin)
  const send = async (method: 'GET' | 'POST'): Promise<Error | undefined> => {
    const { statusCode, body } = await pool.request(requests[method])
    return judge(statusCode, (await body.arrayBuffer()).byteLength)
  }
  return { once: (method, done) => void send(method).then(done, done) }
}
