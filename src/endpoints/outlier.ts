import type { Attempt } from '../core/attempt.ts'
import type { EndpointState } from '../core/endpoint.ts'
import type { AttemptLayer, Cancel, Hop, Observer } from '../core/hop.ts'
import type { Deps, LayerModule } from '../core/module.ts'
import { isRefusal, type Outcome } from '../core/outcome.ts'
import type { Slot } from '../core/service.ts'
import { type OutlierParams, outlierPiece } from './outlier-policy.ts'

export { outlierPiece }

/**
 * Failure accrual per endpoint (Linkerd, SEMANTICS 2.6; the numbers of 2.4):
 *
 *     admitted ──consecutiveFailures──▶ ejected ──backoff──▶ offered ──a call──▶ probing
 *        ▲                                 ▲                    ▲                  │
 *        │                                 └──────failure───────┼──────────────────┤
 *        └──────────────────────success─────────────────────────┼──────────────────┤
 *                                                               └─────ignored──────┘
 *
 * The backoff is baseEjection · 2ⁿ plus jitter, at most maxEjection; a success forgets n. A probe is one real request and is
 * settled at its head, so that a long stream does not hold the door. Attempts that began before the latest ejection or
 * re-admission say nothing. In panic an ejected endpoint gets ordinary calls: their success re-admits it, their
 * failure adds nothing.
 *
 * It stands in every endpoint's stack, because stacks survive policies; `outlier: false` makes it count nothing.
 */
export const outlier: LayerModule<OutlierParams | false, AttemptLayer> = {
  role: 'outlier',
  piece: outlierPiece,
  layer: (_params, deps) => (deps.endpoint === undefined ? undefined : outlierLayer(deps, deps.endpoint)),
  reconcile(params, service) {
    if (params !== false) return
    for (const endpoint of service.endpoints) if (endpoint.ejected) admit(endpoint, endpoint.slot(RECORD))
  },
}

/** What is known of one endpoint, whichever protocol it was learnt over. */
interface Record {
  /** Failures since the last success. */
  failures: number
  /** Ejections and failed probes since the last success. */
  ejections: number
  /** Counts ejections and re-admissions: a verdict on an earlier one is stale. */
  epoch: number
  /** A probe was offered and no call has taken it. */
  offered: boolean
  disarm: () => void
}

const RECORD: Slot<Record> = {
  name: 'outlier',
  make: () => ({ failures: 0, ejections: 0, epoch: 0, offered: false, disarm() {} }),
  drop: (record) => record.disarm(),
}

function admit(endpoint: EndpointState, record: Record): void {
  record.disarm()
  record.offered = false
  record.failures = 0
  record.ejections = 0
  record.epoch++
  endpoint.readmit()
}

function outlierLayer(deps: Deps, endpoint: EndpointState): AttemptLayer {
  const judge = new Judge(deps, endpoint)
  return <W>(next: Hop<Attempt<W>>): Hop<Attempt<W>> =>
    (attempt, observer): Cancel =>
      next(attempt, new Trial(judge, observer))
}

class Judge {
  readonly record: Record
  readonly #deps: Deps
  readonly #endpoint: EndpointState

  constructor(deps: Deps, endpoint: EndpointState) {
    this.#deps = deps
    this.#endpoint = endpoint
    this.record = endpoint.slot(RECORD)
  }

  /** True where this attempt is the probe that was offered. */
  begin(): boolean {
    if (!this.record.offered) return false
    this.record.offered = false
    return true
  }

  passed(): void {
    this.record.failures = 0
    if (!this.#endpoint.ejected) return
    admit(this.#endpoint, this.record)
    this.#deps.events.emit('readmitted', {
      service: this.#endpoint.service.name,
      endpoint: this.#endpoint.id,
    })
  }

  failed(outcome: Outcome, probe: boolean): void {
    const params = this.#endpoint.params(outlierPiece)
    if (params === false) return
    const cause = outcome.condition ?? 'failure'
    if (this.#endpoint.ejected) {
      if (probe) this.#close(params, `the probe failed: ${cause}`)
      return
    }
    if (cause === 'rate-limited' || ++this.record.failures < params.consecutiveFailures) return
    if (!this.#endpoint.eject()) return
    this.record.epoch++
    this.#close(params, `${this.record.failures} failures in a row, the last: ${cause}`)
  }

  /** The probe was taken and nothing was learnt. */
  undecided(): void {
    if (this.#endpoint.ejected) this.#offer()
  }

  #close({ baseEjection, maxEjection, jitter }: OutlierParams, reason: string): void {
    const { clock, random, events } = this.#deps
    const backoffMs = baseEjection * 2 ** this.record.ejections++
    const forMs = Math.min(maxEjection, backoffMs * (1 + jitter * random()))
    this.record.disarm()
    this.record.disarm = clock.background(forMs, () => this.#offer())
    events.emit('ejected', {
      service: this.#endpoint.service.name,
      endpoint: this.#endpoint.id,
      forMs,
      reason,
    })
  }

  #offer(): void {
    this.record.offered = true
    this.#endpoint.offerProbe()
  }
}

class Trial implements Observer {
  readonly #judge: Judge
  readonly #up: Observer
  #epoch: number
  #probe: boolean

  constructor(judge: Judge, up: Observer) {
    this.#judge = judge
    this.#up = up
    this.#probe = judge.begin()
    this.#epoch = judge.record.epoch
  }

  sent(): void {
    this.#up.sent?.()
  }

  head(outcome: Outcome): 'deliver' | 'discard' {
    if (this.#probe && outcome.class !== 'failure' && outcome.condition !== 'rate-limited')
      this.#settle(outcome, true)
    return this.#up.head(outcome)
  }

  end(outcome: Outcome): void {
    this.#settle(outcome, outcome.class === 'success')
    this.#up.end(outcome)
  }

  #settle(outcome: Outcome, passed: boolean): void {
    if (this.#epoch !== this.#judge.record.epoch) return
    const probe = this.#probe
    this.#probe = false
    if (outcome.condition === 'rate-limited') this.#judge.failed(outcome, probe)
    else if (passed) this.#judge.passed()
    else if (outcome.class === 'failure' && outcome.condition !== 'refused-stream' && !isRefusal(outcome))
      this.#judge.failed(outcome, probe)
    else if (probe) this.#judge.undecided()
    this.#epoch = this.#judge.record.epoch
  }
}
