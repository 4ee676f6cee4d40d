import type { Attempt } from './attempt.ts'
import { isMeshError } from './errors.ts'
import type { CancelReason } from './hop.ts'
import type { Class, Outcome, Phase } from './outcome.ts'

/**
 * The outcome of a cancelled attempt (law 2). A caller that leaves, a lost hedge and a closing mesh say nothing of
 * the peer. A try-timeout does. A passed deadline does only if this attempt had a fair chance: a caller with a 1 ms
 * deadline must not eject a healthy endpoint.
 *
 * @param committed whether part of the response had already reached the caller
 */
export function cancelled(
  reason: CancelReason,
  attempt: Pick<Attempt<unknown>, 'startedMs' | 'fairMs'>,
  nowMs: number,
  committed: boolean,
  phase: Phase,
): Outcome {
  const error = isMeshError(reason.error) ? reason.error : undefined
  return {
    class: classOf(reason, attempt, nowMs),
    condition: conditionOf(reason),
    committed,
    unsent: false,
    error,
    phase,
  }
}

function classOf(
  reason: CancelReason,
  attempt: Pick<Attempt<unknown>, 'startedMs' | 'fairMs'>,
  nowMs: number,
): Class {
  if (reason.kind === 'try-timeout') return 'failure'
  if (reason.kind === 'deadline') return nowMs - attempt.startedMs >= attempt.fairMs ? 'failure' : 'ignored'
  return 'ignored'
}

function conditionOf(reason: CancelReason): 'try-timeout' | 'deadline' | undefined {
  return reason.kind === 'try-timeout' || reason.kind === 'deadline' ? reason.kind : undefined
}
