import type { Call } from '../../src/core/call.ts'
import { grpcStatusName } from '../../src/core/grpc-status.ts'
import type { Outcome } from '../../src/core/outcome.ts'
import { makeCall } from './builders.ts'

export const QUOTE = 'pricing.v1.Pricing/Quote'

/** A gRPC call as its channel makes it, or as its server receives it; no socket anywhere. */
export const rpcCall = (more: Partial<Call<undefined>> = {}): Call<undefined> =>
  makeCall({
    protocol: 'grpc',
    method: 'POST',
    path: `/${QUOTE}`,
    target: { service: 'pricing' },
    idempotent: true,
    ...more,
  })

/** A status of the peer as the leaf tells it. */
export const rpcAnswer = (code: number, more: Partial<Outcome> = {}): Outcome => ({
  class: 'success',
  code,
  status: grpcStatusName(code),
  committed: false,
  unsent: false,
  ...more,
})

export const unavailable = (): Outcome => rpcAnswer(14, { class: 'failure', condition: 'gateway-error' })
