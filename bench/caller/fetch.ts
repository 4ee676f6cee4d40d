import { tlsOptions } from '../certificates.ts'
import { type CallerSettings, PATH } from '../messages.ts'
import type { Caller } from './drive.ts'
import { INITS, originsOf } from './requests.ts'
import { judge } from './sink.ts'

/** The built-in one. In plaintext the undici of npm is not even loaded: it would bring a dispatcher of its own. */
export async function fetchCaller(settings: CallerSettings): Promise<Caller> {
  const { certificates } = settings
  if (certificates !== undefined) {
    const { Agent, setGlobalDispatcher } = await import('undici')
    setGlobalDispatcher(
      new Agent({ connect: { ...tlsOptions(certificates, 'bench'), maxCachedSessions: 0 } }),
    )
  }
  return callerVia(fetch, `${originsOf(settings)[0]}${PATH}`)
}

export function callerVia(via: (url: string, init: RequestInit) => Promise<Response>, url: string): Caller {
  const send = async (init: RequestInit): Promise<Error | undefined> => {
    const answer = await via(url, init)
    return judge(answer.status, (await answer.arrayBuffer()).byteLength)
  }
  return { once: (method, done) => void send(INITS[method]).then(done, done) }
}
