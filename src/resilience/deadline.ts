import type { Call } from '../core/call.ts'
import { type MeshError, stormError } from '../core/errors.ts'
import { type CallLayer, type Cancel, type Hop, NOTHING_TO_CANCEL, type Observer } from '../core/hop.ts'
import type { LayerModule } from '../core/module.ts'
import type { Outcome } from '../core/outcome.ts'
import type { PolicyPiece } from '../core/piece.ts'
import type { Clock } from '../core/ports.ts'
import { duration } from '../core/units.ts'

/** How long a call may wait for its head, or until it is sent, where nobody said anything, in milliseconds (Envoy's route default). */
export const BUILT_IN_TIMEOUT_MS = 15_000
/** How long the body of a call may take that outlived the request it belonged to and has no timeout of its own, in milliseconds. */
const LEFT_BEHIND_MS = 300_000

export const timeoutSchema = duration()

/** `timeout`: how long a call may take, all attempts and the last byte included. In milliseconds. */
export const timeoutPiece: PolicyPiece<number | undefined> = {
  key: 'timeout',
  scope: 'route',
  schema: timeoutSchema,
  defaults: undefined,
}

/**
 * The promise made to the caller. What it says, strongest first: the call's own option replaces the route's
 * `timeout`; the deadline inherited from the request being handled caps either (SEMANTICS 2.23). Each of these runs
 * to the last byte. Where none was given, 15 s to the head; or, where the protocol knows no time-out of its own (gRPC),
 * until the call is sent or at least under way, and then nothing; or nothing at all (`Call.builtInCovers`). An answer without a natural end disarms at its head
 * whatever was asked: the leaf's idle limits take over (ARCHITECTURE 9). Once the request being handled is answered
 * its deadline binds the calls left behind no longer, and what they would have had without it applies.
 *
 * Ends a call with TULLE_DEADLINE, whose message names the rule that fired.
 */
export const deadline: LayerModule<number | undefined, CallLayer> = {
  role: 'deadline',
  piece: timeoutPiece,
  layer: (timeoutMs, { clock }) => deadlineLayer(timeoutMs, clock),
}

function deadlineLayer(timeoutMs: number | undefined, clock: Clock): CallLayer {
  const own = { timeoutMs, clock }
  return <W>(next: Hop<Call<W>>): Hop<Call<W>> =>
    (call, observer) => {
      const now = clock.now()
      const rule = apply(call, timeoutMs, now)
      const leftMs = call.deadline - now
      if (leftMs === Number.POSITIVE_INFINITY) return next(call, observer)
      if (leftMs <= 0) {
        const error = passed(call, rule, 0)
        observer.end({
          class: 'ignored',
          condition: 'deadline',
          committed: false,
          unsent: true,
          error,
          phase: 'queue',
        })
        return NOTHING_TO_CANCEL
      }
      const watch = new Watch(call, rule, leftMs, now, own, observer)
      watch.disarm = clock.after(leftMs, watch.fire)
      watch.cancel = next(call, watch)
      return watch.cancel
    }
}

type Rule = 'call' | 'inherited' | 'route' | 'built-in'

function ownRule(call: Call<unknown>, timeoutMs: number | undefined): Rule {
  if (call.options.timeoutMs !== undefined) return 'call'
  return timeoutMs === undefined ? 'built-in' : 'route'
}

/** Writes what the call itself and its route say; `builtInMs` where neither says anything. Returns the time from its start. */
function applyOwn(
  call: Call<unknown>,
  rule: Rule,
  timeoutMs: number | undefined,
  builtInMs: number,
  startedMs: number,
): number {
  const ms = call.options.timeoutMs ?? timeoutMs ?? builtInMs
  call.deadline = startedMs + ms
  call.covers = rule !== 'built-in' ? 'call' : (call.builtInCovers ?? 'head') === 'head' ? 'head' : 'sent'
  return ms
}

/** Writes the deadline onto the call and says where it comes from. */
function apply(call: Call<unknown>, timeoutMs: number | undefined, now: number): Rule {
  let rule = ownRule(call, timeoutMs)
  const builtInMs = call.builtInCovers === 'nothing' ? Number.POSITIVE_INFINITY : BUILT_IN_TIMEOUT_MS
  applyOwn(call, rule, timeoutMs, builtInMs, now)
  const { deadline, scope } = call.ambient
  if (
    deadline !== undefined &&
    scope?.finished !== true &&
    (rule === 'built-in' || deadline < call.deadline)
  ) {
    rule = 'inherited'
    call.deadline = deadline
    call.covers = 'call'
  }
  return rule
}

const NEVER_ARMED = (): void => {}

class Watch implements Observer {
  disarm: () => void = NEVER_ARMED
  cancel: Cancel = NOTHING_TO_CANCEL
  readonly #call: Call<unknown>
  #rule: Rule
  #ms: number
  #sent = false
  #delivered = false
  readonly #startedMs: number
  readonly #own: { readonly timeoutMs: number | undefined; readonly clock: Clock }
  readonly #up: Observer

  constructor(
    call: Call<unknown>,
    rule: Rule,
    ms: number,
    startedMs: number,
    own: { readonly timeoutMs: number | undefined; readonly clock: Clock },
    up: Observer,
  ) {
    this.#call = call
    this.#rule = rule
    this.#ms = ms
    this.#startedMs = startedMs
    this.#own = own
    this.#up = up
  }

  readonly fire = (): void => {
    if (this.#rule === 'inherited' && this.#call.ambient.scope?.finished === true && this.#leftBehind())
      return
    if (this.#call.covers === 'sent' && this.#call.underway === true) {
      this.#release()
      return
    }
    this.cancel({ kind: 'deadline', error: passed(this.#call, this.#rule, this.#ms) })
  }

  sent(): void {
    this.#sent = true
    if (this.#call.covers === 'sent') this.#release()
    this.#up.sent?.()
  }

  head(outcome: Outcome): 'deliver' | 'discard' {
    const disposition = this.#up.head(outcome)
    this.#delivered = disposition === 'deliver'
    if (disposition === 'discard') return disposition
    const { covers } = this.#call
    if (covers === 'sent') this.#release()
    else if (covers === 'head' || outcome.streaming === true) this.disarm()
    return disposition
  }

  end(outcome: Outcome): void {
    this.disarm()
    this.#up.end(outcome)
  }

  /** It has got through: whatever it takes from here on is nobody's fault. */
  #release(): void {
    this.disarm()
    this.#call.deadline = Number.POSITIVE_INFINITY
  }

  /** Falls back to the call's own rule; false where by that one too its time is up. */
  #leftBehind(): boolean {
    const call = this.#call
    const { timeoutMs, clock } = this.#own
    this.#rule = ownRule(call, timeoutMs)
    this.#ms = applyOwn(call, this.#rule, timeoutMs, this.#builtInMs(), this.#startedMs)
    const leftMs = call.deadline - clock.now()
    if (leftMs <= 0) return false
    if (leftMs !== Number.POSITIVE_INFINITY) this.disarm = clock.after(leftMs, this.fire)
    return true
  }

  #builtInMs(): number {
    const { builtInCovers = 'head' } = this.#call
    if (builtInCovers === 'head') return this.#delivered ? LEFT_BEHIND_MS : BUILT_IN_TIMEOUT_MS
    const through = builtInCovers === 'nothing' || this.#sent || this.#delivered
    return through ? Number.POSITIVE_INFINITY : BUILT_IN_TIMEOUT_MS
  }
}

/** Deadlines pass in storms when a service hangs, and a stack that begins at a timer tells nothing. */
function passed(call: Call<unknown>, rule: Rule, ms: number): MeshError {
  const { service } = call.target
  const endpoint = call.endpoint?.id
  return stormError('TULLE_DEADLINE', `${service}: ${sentence(call, rule, Math.round(ms))}`, {
    layer: 'deadline',
    service,
    endpoint,
  })
}

function sentence(call: Call<unknown>, rule: Rule, ms: number): string {
  if (rule === 'call' && ms === 0) return "the call's own timeout had passed before the call was made"
  if (rule === 'call') return `not finished within ${ms} ms (the call's own timeout)`
  if (rule === 'route') return `not finished within ${ms} ms (the timeout of route ${call.route.name})`
  if (rule === 'built-in' && call.covers === 'sent')
    return `not sent within ${ms} ms (the built-in bound; no deadline was set)`
  if (rule === 'built-in') return `no head within ${ms} ms (the built-in bound; no timeout was set)`
  return ms === 0
    ? 'the time inherited from the request being handled had already run out'
    : `not finished within the ${ms} ms left of the request being handled (inherited deadline)`
}
