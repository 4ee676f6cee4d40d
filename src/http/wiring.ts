import type { Clock } from '../core/ports.ts'
import type { Breaking } from './connector.ts'
import type { IdleWatch } from './idle.ts'
import type { Debut } from './tls-connector.ts'

/** What every attempt of a leaf shares. */
export interface Wiring {
  /** Attempts that have not ended. */
  running: number
  readonly clock: Clock
  wall(): number
  readonly idle: IdleWatch
  readonly breaking: Breaking
  readonly debut: Debut
}
