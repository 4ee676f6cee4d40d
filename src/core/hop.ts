import type { Attempt } from './attempt.ts'
import type { Call } from './call.ts'
import type { Outcome } from './outcome.ts'

/**
 * The one abstraction: a unit goes down, verdicts come back up, synchronously.
 *
 * Laws, checked by `test/contract/layer.ts` against every layer:
 * 1. `end` exactly once; `head` at most once and before it; nothing after `end`. A hop may end before it returns
 *    its Cancel; cancel after end does nothing. An observer never throws.
 * 2. Cancel ends at once, in the same tick, whatever the transport says later; the reason decides the class.
 * 3. After `discard` the leaf drains or destroys the body itself, then still calls `end`.
 * 4. Layers never loop within a tick.
 * 5. Refusals of our own layers say so (`MeshError.refusal`); nobody charges them to a peer.
 */
export type Hop<U> = (unit: U, observer: Observer) => Cancel

export interface Observer {
  /** The request has left whole. At most once, before `head`; not called where the answer overtook it. */
  sent?(): void
  head(outcome: Outcome): 'deliver' | 'discard'
  end(outcome: Outcome): void
}

export type CancelKind = 'caller' | 'deadline' | 'try-timeout' | 'hedge' | 'closing'

export interface CancelReason {
  readonly kind: CancelKind
  /** What the caller will see: its own abort reason unwrapped, or the MeshError of the layer that cancelled. */
  readonly error: unknown
}

export type Cancel = (reason: CancelReason) => void

export const NOTHING_TO_CANCEL: Cancel = () => {}

/** Above retry: sees one logical call. */
export type CallLayer = <W>(next: Hop<Call<W>>) => Hop<Call<W>>
/** Below retry: sees every attempt. The types fix the side. */
export type AttemptLayer = <W>(next: Hop<Attempt<W>>) => Hop<Attempt<W>>
/** Retry, hedge, or the single try: where calls become attempts. */
export type Tries = <W>(next: Hop<Attempt<W>>) => Hop<Call<W>>
