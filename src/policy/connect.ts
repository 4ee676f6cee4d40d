import type { PolicyPiece } from '../core/piece.ts'
import { duration, fields } from '../core/units.ts'

/** Of one connection to an endpoint; both in milliseconds. */
export interface ConnectParams {
  /** How long making a connection may take; a TLS handshake then has five times as long. */
  readonly timeout: number
  /** How long an idle connection is kept. Below the 5 s after which Node's servers close theirs. */
  readonly idleTimeout: number
}

export const connectSchema = fields({ timeout: duration(), idleTimeout: duration() }).partial()

/** `connect`: how the transports of a service make connections and how long they keep them. */
export const connectPiece: PolicyPiece<ConnectParams> = {
  key: 'connect',
  scope: 'service',
  schema: connectSchema,
  defaults: { timeout: 1000, idleTimeout: 4000 },
}
