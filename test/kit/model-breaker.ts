import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../../src/core/ports.ts'
import type { Breaker, BreakerParams, Permit } from '../../src/resilience/breaker.ts'
import { Ramp } from '../../src/resilience/ramp.ts'

/**
 * The contract of breakers in as few lines as it takes, on any clock: what opossum's wrapper is compared with, and a
 * breaker for whole stacks in virtual time.
 */
export class ModelBreaker implements Breaker {
  readonly states: string[] = []
  #params: BreakerParams
  readonly #clock: Clock
  #verdicts: { readonly at: number; readonly failed: boolean }[] = []
  #state: 'closed' | 'open' | 'half-open' = 'closed'
  #epoch = 0
  #probe: Permit | undefined
  #ramp: Ramp | undefined
  #disarm = (): void => {}

  constructor(params: BreakerParams, clock: Clock) {
    this.#params = params
    this.#clock = clock
  }

  admits(): boolean {
    if (this.#state === 'closed') return this.#ramp?.admits(this.#clock.now()) ?? true
    return this.#state === 'half-open' && this.#probe === undefined
  }

  take(): Permit | undefined {
    if (this.#state !== 'closed') return this.admits() ? this.#letProbe() : undefined
    const now = this.#clock.now()
    if (this.#ramp !== undefined && !this.#ramp.over(now) && !this.#ramp.take(now)) return undefined
    const epoch = this.#epoch
    const count = (failed: boolean): void => {
      if (epoch === this.#epoch && this.#state === 'closed') this.#count(failed)
    }
    return { probe: false, success: () => count(false), failure: () => count(true), abandon() {} }
  }

  adopt(params: BreakerParams): void {
    if (isDeepStrictEqual(params, this.#params)) return
    this.#params = params
    this.#verdicts = []
  }

  close(): void {
    this.#disarm()
    this.#state = 'closed'
    this.#ramp = undefined
    this.#epoch++
  }

  #count(failed: boolean): void {
    const { errorThreshold, minRequests, window } = this.#params
    const since = this.#clock.now() - window
    this.#verdicts = this.#verdicts.filter(({ at }) => at > since)
    this.#verdicts.push({ at: this.#clock.now(), failed })
    const failures = this.#verdicts.filter((verdict) => verdict.failed).length
    if (this.#verdicts.length >= minRequests && failures > errorThreshold * this.#verdicts.length)
      this.#open()
  }

  #open(): void {
    this.#enter('open')
    this.#epoch++
    this.#probe = undefined
    this.#verdicts = []
    this.#disarm()
    this.#disarm = this.#clock.background(this.#params.openFor, () => this.#enter('half-open'))
  }

  #letProbe(): Permit {
    const end = (then: () => void): void => {
      if (this.#probe === probe) then()
    }
    const probe: Permit = {
      probe: true,
      success: () => end(() => this.#recover()),
      failure: () => end(() => this.#open()),
      abandon: () =>
        end(() => {
          this.#probe = undefined
        }),
    }
    this.#probe = probe
    this.#disarm = this.#clock.background(this.#params.openFor, () => probe.failure(undefined))
    return probe
  }

  #recover(): void {
    this.#disarm()
    this.#probe = undefined
    this.#ramp = new Ramp(this.#clock.now())
    this.#enter('closed')
  }

  #enter(state: 'closed' | 'open' | 'half-open'): void {
    this.#state = state
    this.states.push(state)
  }
}
