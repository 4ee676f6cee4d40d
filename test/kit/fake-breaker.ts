import type { Breaker, BreakerParams, Permit } from '../../src/resilience/breaker.ts'

/** A breaker whose state a test sets by hand, and which records how every permit ended. */
export class FakeBreaker implements Breaker {
  state: 'closed' | 'open' | 'half-open' = 'closed'
  readonly endings: ('success' | 'failure' | 'abandon')[] = []
  taken = 0
  adopted: BreakerParams | undefined
  closed = false
  #probing = false

  /** Permits that have no ending yet. */
  get pending(): number {
    return this.taken - this.endings.length
  }

  admits(): boolean {
    return this.state === 'closed' || (this.state === 'half-open' && !this.#probing)
  }

  take(): Permit | undefined {
    if (!this.admits()) return undefined
    const probe = this.state === 'half-open'
    this.#probing = probe
    this.taken++
    let ended = false
    const end = (ending: 'success' | 'failure' | 'abandon'): void => {
      if (ended) throw new Error('a permit has exactly one ending')
      ended = true
      if (probe) this.#probing = false
      this.endings.push(ending)
    }
    return {
      probe,
      success: () => end('success'),
      failure: () => end('failure'),
      abandon: () => end('abandon'),
    }
  }

  adopt(params: BreakerParams): void {
    this.adopted = params
  }

  close(): void {
    this.closed = true
  }
}
