import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici'
import CircuitBreaker from 'opossum'
import { Agent, RetryAgent } from 'undici'
import type { Method } from '../arms/arm.ts'
import { tlsOptions } from '../certificates.ts'
import type { CallerSettings } from '../messages.ts'
import type { Caller } from './drive.ts'
import { originsOf, requestsTo } from './requests.ts'
import { judge } from './sink.ts'
import { Tracing } from './telemetry.ts'

/**
 * What a team puts together today from the packages everybody knows: undici's RetryAgent, opossum around the call, with
 * its timeout, addresses in turn, and OpenTelemetry's instrumentation of undici where calls are traced.
 */
export function assembledCaller(settings: CallerSettings): Caller {
  const tracing = settings.armament === 'sampled' ? new Tracing(true) : undefined
  if (tracing !== undefined) new UndiciInstrumentation().setTracerProvider(tracing.provider)
  const { certificates } = settings
  const connect = certificates !== undefined && {
    connect: { ...tlsOptions(certificates, 'bench'), maxCachedSessions: 0 },
  }
  const agent = new RetryAgent(new Agent({ pipelining: 1, ...connect }), { maxRetries: 2 })
  const targets = originsOf(settings).map(requestsTo)
  let turn = 0

  const send = async (method: Method): Promise<Error | undefined> => {
    const target = targets[turn++ % targets.length]!
    const { statusCode, body } = await agent.request(target[method])
    const { byteLength } = await body.arrayBuffer()
    if (statusCode >= 500) throw new Error(`status ${statusCode}`)
    return judge(statusCode, byteLength)
  }
  const breaker = new CircuitBreaker(send, {
    timeout: 30_000,
    errorThresholdPercentage: 50,
    resetTimeout: 5000,
  })
  const caller: Caller = { once: (method, done) => void breaker.fire(method).then(done, done) }
  return tracing === undefined ? caller : { ...caller, settle: (calls) => tracing.settle(calls) }
}
