import { MeshError } from '../../src/core/errors.ts'
import type { Condition, Outcome } from '../../src/core/outcome.ts'
import { refusal } from '../../src/core/outcome.ts'

/** Outcomes as leaves make them, for scripts. */

const plain = { committed: false, unsent: false } as const

export const ok = (more: Partial<Outcome> = {}): Outcome => ({
  class: 'success',
  code: 200,
  ...plain,
  ...more,
})

export const undecided = (more: Partial<Outcome> = {}): Outcome => ({ class: 'undecided', ...plain, ...more })

/** An answer of the peer that says it failed. */
export const answered = (condition: Condition = 'gateway-error', more: Partial<Outcome> = {}): Outcome => ({
  class: 'failure',
  condition,
  code: condition === '5xx' ? 500 : 503,
  ...plain,
  ...more,
})

/** The connection broke after the request had left. */
export const reset = (more: Partial<Outcome> = {}): Outcome => ({
  class: 'failure',
  condition: 'reset',
  error: new MeshError('TULLE_RESET', 'the connection broke', { phase: 'head' }),
  phase: 'head',
  ...plain,
  ...more,
})

/** The request provably never reached the peer. */
export const unsent = (condition: Condition = 'connect-failure', more: Partial<Outcome> = {}): Outcome => ({
  class: 'failure',
  condition,
  committed: false,
  unsent: true,
  error: new MeshError('TULLE_CONNECT', 'connection refused', { phase: 'connect' }),
  phase: 'connect',
  ...more,
})

/** One of our own layers said no. */
export const refused = (): Outcome =>
  refusal(new MeshError('TULLE_NO_ENDPOINT', 'there is no endpoint', { layer: 'pick' }))
