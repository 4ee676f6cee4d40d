import { grpcCode, grpcStatusName } from '../core/grpc-status.ts'
import type { Outcome } from '../core/outcome.ts'

/** What is the server's own failing, as HTTP's 5xx is; every other code is an answer (SEMANTICS 2.6). */
const CONDITIONS: ReadonlyMap<number, NonNullable<Outcome['condition']>> = new Map([
  [grpcCode('UNKNOWN'), '5xx'],
  [grpcCode('DEADLINE_EXCEEDED'), 'gateway-error'],
  [grpcCode('UNIMPLEMENTED'), '5xx'],
  [grpcCode('INTERNAL'), '5xx'],
  [grpcCode('UNAVAILABLE'), 'gateway-error'],
  [grpcCode('DATA_LOSS'), '5xx'],
])

const ANSWERS: readonly Outcome[] = Array.from({ length: 17 }, (_, code) => outcomeOf(code))

/** By code: every answer of one code is the same verdict. */
export function answeredWith(code: number): Outcome {
  return ANSWERS[code] ?? outcomeOf(grpcCode('UNKNOWN'))
}

function outcomeOf(code: number): Outcome {
  const condition = CONDITIONS.get(code)
  return Object.freeze({
    class: condition === undefined ? 'success' : 'failure',
    condition,
    committed: true,
    unsent: false,
    code,
    status: grpcStatusName(code),
    phase: 'done',
  })
}

/** The caller went away, or grpc-js answered in our place: before the answer began, and in the middle of it. */
export const GONE: Outcome = Object.freeze({
  class: 'ignored',
  condition: 'reset',
  committed: false,
  unsent: false,
  phase: 'head',
})
export const GONE_MIDWAY: Outcome = Object.freeze({ ...GONE, committed: true, phase: 'body' })

/** Initial metadata: what comes of it is not known yet. */
export const BEGUN: Outcome = Object.freeze({
  class: 'undecided',
  committed: true,
  unsent: false,
  phase: 'head',
})
