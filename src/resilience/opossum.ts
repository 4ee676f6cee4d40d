import CircuitBreaker from 'opossum'
import type { Deps } from '../core/module.ts'
import type { Clock } from '../core/ports.ts'
import type { Breaker, BreakerParams, Permit } from './permit.ts'
import { Ramp } from './ramp.ts'
import { type Rotor, rotorFor } from './rotor.ts'

/** The window is counted in this many parts. */
const BUCKETS = 10

/**
 * opossum behind our port. It counts and keeps the state; it never sees a call, only verdicts, each as a promise
 * that is already settled: an unsettled one counts as fired, so a slow service would never open (ARCHITECTURE 7).
 *
 *     no circuit  → closed      the first failure; until then there is nothing to count and nothing to pay
 *     closed      → open        more than errorThreshold of at least minRequests failed
 *     closed      → no circuit  a whole window without a failure
 *     open        → half-open   after openFor (opossum's own timer)
 *     half-open   → open        the probe failed, or was not judged within openFor
 *     half-open   → no circuit  the probe succeeded: what was counted before the recovery is forgotten; the ramp begins
 *
 * The probe is ours to count and is fired, too, when its verdict is known: that way one that is abandoned leaves
 * opossum half-open and the next call may try.
 */
export class OpossumBreaker implements Breaker {
  #params: BreakerParams
  readonly #clock: Clock
  readonly #announce: (state: 'open' | 'half-open' | 'closed') => void
  #circuit: CircuitBreaker<[boolean], void> | undefined
  #rotor: Rotor | undefined
  #ramp: Ramp | undefined
  #probe: Probe | undefined
  /** One permit serves all calls until the next opening makes it stale. */
  #permit = new Counted(this)

  constructor(params: BreakerParams, { clock, events, service }: Pick<Deps, 'clock' | 'events' | 'service'>) {
    this.#params = params
    this.#clock = clock
    this.#announce = (state) => {
      if (events.wants('breaker')) events.emit('breaker', { service: service.name, state })
    }
  }

  admits(): boolean {
    const circuit = this.#circuit
    if (circuit === undefined || circuit.closed) return this.#ramp?.admits(this.#clock.now()) ?? true
    return this.#awaitsProbe(circuit)
  }

  take(): Permit | undefined {
    const circuit = this.#circuit
    if (circuit === undefined || circuit.closed) {
      return this.#ramp === undefined || this.#climb(this.#ramp) ? this.#permit : undefined
    }
    if (!this.#awaitsProbe(circuit)) return undefined
    this.#probe = new Probe(this, this.#clock, this.#params.openFor)
    return this.#probe
  }

  /** Called at every policy: what is counted is only given up where it was counted for other parameters. */
  adopt(params: BreakerParams): void {
    if (same(params, this.#params)) return
    this.#params = params
    if (this.#circuit?.closed === true) this.#forget()
  }

  close(): void {
    this.#probe?.abandon()
    this.#ramp = undefined
    this.#permit = new Counted(this)
    this.#forget()
  }

  /** The verdict of a call that was let through while closed. */
  count(permit: Permit, failed: boolean): void {
    if (permit !== this.#permit) return
    if (this.#circuit === undefined && failed) this.#circuit = this.#make()
    if (this.#circuit?.closed === true) fire(this.#circuit, failed)
  }

  /** The end of a probe; undefined: it was abandoned. */
  judge(probe: Probe, failed: boolean | undefined): void {
    if (probe !== this.#probe || this.#circuit === undefined) return
    if (failed === undefined) this.#probe = undefined
    else fire(this.#circuit, failed)
  }

  #awaitsProbe(circuit: CircuitBreaker<[boolean], void>): boolean {
    return circuit.halfOpen && this.#probe === undefined
  }

  #climb(ramp: Ramp): boolean {
    const now = this.#clock.now()
    if (!ramp.over(now)) return ramp.take(now)
    this.#ramp = undefined
    return true
  }

  #make(): CircuitBreaker<[boolean], void> {
    const { errorThreshold, minRequests, openFor, window } = this.#params
    const rotor = rotorFor(this.#clock, window / BUCKETS)
    const circuit = new CircuitBreaker<[boolean], void>(settled, {
      errorThresholdPercentage: errorThreshold * 100,
      volumeThreshold: minRequests,
      resetTimeout: openFor,
      rollingCountTimeout: window,
      rollingCountBuckets: BUCKETS,
      // Each of these costs a timer or a sort for something nobody reads here.
      timeout: false,
      rollingPercentilesEnabled: false,
      enableSnapshots: false,
      rotateBucketController: rotor as never,
    })
    circuit.on('open', () => this.#opened())
    circuit.on('halfOpen', () => this.#announce('half-open'))
    circuit.on('close', () => this.#closed())
    rotor.on('rotate', this.#rest)
    this.#rotor = rotor
    return circuit
  }

  #opened(): void {
    this.#probe = undefined
    this.#ramp = undefined
    this.#permit = new Counted(this)
    this.#announce('open')
  }

  #closed(): void {
    this.#probe = undefined
    this.#forget()
    this.#ramp = new Ramp(this.#clock.now())
    this.#announce('closed')
  }

  /** A service that has been well for a whole window costs nothing again. */
  readonly #rest = (): void => {
    if (this.#circuit?.closed === true && this.#circuit.stats.failures === 0) this.#forget()
  }

  #forget(): void {
    this.#rotor?.removeListener('rotate', this.#rest)
    this.#circuit?.shutdown()
    this.#circuit = undefined
  }
}

function same(a: BreakerParams, b: BreakerParams): boolean {
  return (
    a.errorThreshold === b.errorThreshold &&
    a.minRequests === b.minRequests &&
    a.openFor === b.openFor &&
    a.window === b.window
  )
}

class Counted implements Permit {
  readonly probe = false
  readonly #breaker: OpossumBreaker

  constructor(breaker: OpossumBreaker) {
    this.#breaker = breaker
  }

  success(): void {
    this.#breaker.count(this, false)
  }

  failure(): void {
    this.#breaker.count(this, true)
  }

  abandon(): void {}
}

/** The single call that is let through half-open. Not judged within `openFor`, it has failed. */
class Probe implements Permit {
  readonly probe = true
  readonly #breaker: OpossumBreaker
  readonly #disarm: () => void

  constructor(breaker: OpossumBreaker, clock: Clock, openForMs: number) {
    this.#breaker = breaker
    this.#disarm = clock.background(openForMs, () => this.failure())
  }

  success(): void {
    this.#end(false)
  }

  failure(): void {
    this.#end(true)
  }

  abandon(): void {
    this.#end(undefined)
  }

  #end(failed: boolean | undefined): void {
    this.#disarm()
    this.#breaker.judge(this, failed)
  }
}

const SUCCEEDED = Promise.resolve()
const FAILED = Promise.reject(new Error('a call failed'))
FAILED.catch(() => {})
const settled = (failed: boolean): Promise<void> => (failed ? FAILED : SUCCEEDED)

/** Its promise rejects for every failure we report: that is no news here. */
function fire(circuit: CircuitBreaker<[boolean], void>, failed: boolean): void {
  circuit.fire(failed).catch(() => {})
}
