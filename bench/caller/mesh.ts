import type { Dispatcher } from 'undici'
import { createMesh, type Mesh } from '../../src/index.ts'
import { metricProducer } from '../../src/telemetry.ts'
import type { Armament, Method } from '../arms/arm.ts'
import { meshEnvironment } from '../certificates.ts'
import { type CallerSettings, PATH } from '../messages.ts'
import type { Caller } from './drive.ts'
import { callerVia } from './fetch.ts'
import { REQUESTS, requestsTo } from './requests.ts'
import { judge, Sink } from './sink.ts'

const ORIGIN = 'http://orders.mesh'
const BARE = { retry: false, outlier: false } as const
const ARMED = { timeout: '5s', breaker: {}, retry: { limit: 2 } } as const

interface Prepared {
  readonly mesh: Mesh
  readonly settle: Pick<Caller, 'settle'>
}

async function prepare({ ports, certificates, armament }: CallerSettings): Promise<Prepared> {
  const tracing = await telemetryOf(armament as Armament)
  const mesh = createMesh({
    service: 'bench',
    endpoints: { orders: ports.map((port) => `127.0.0.1:${port}`) },
    policy: { version: 1, services: { orders: armament === 'bare' ? BARE : ARMED } },
    env: certificates === undefined ? {} : meshEnvironment(certificates, 'bench'),
  })
  await mesh.start()
  return { mesh, settle: tracing === undefined ? {} : { settle: (calls) => tracing.settle(calls) } }
}

async function telemetryOf(armament: Armament) {
  if (armament === 'bare') return undefined
  const { readMetrics, Tracing } = await import('./telemetry.ts')
  readMetrics(armament === 'armed-sdk' ? [] : [metricProducer()])
  return armament === 'propagation' || armament === 'sampled'
    ? new Tracing(armament === 'sampled')
    : undefined
}

export async function meshDispatcherCaller(settings: CallerSettings): Promise<Caller> {
  const { mesh, settle } = await prepare(settings)
  const requests = requestsTo(ORIGIN)
  const dispatcher = mesh.dispatcher as unknown as Dispatcher
  return { once: (method, done) => void dispatcher.dispatch(requests[method], new Sink(done)), ...settle }
}

export async function meshRequestCaller(settings: CallerSettings): Promise<Caller> {
  const { mesh, settle } = await prepare(settings)
  const url = `${ORIGIN}${PATH}`
  const send = async (method: Method): Promise<Error | undefined> => {
    const { statusCode, body } = await mesh.request(url, REQUESTS[method])
    return judge(statusCode, (await body.arrayBuffer()).byteLength)
  }
  return { once: (method, done) => void send(method).then(done, done), ...settle }
}

export async function meshFetchCaller(settings: CallerSettings): Promise<Caller> {
  const { mesh, settle } = await prepare(settings)
  return { ...callerVia((url, init) => mesh.fetch(url, init), `${ORIGIN}${PATH}`), ...settle }
}
