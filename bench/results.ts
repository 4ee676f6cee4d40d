import type { Arm, Method } from './arms/arm.ts'
import type { Options } from './options.ts'

/** Whose processor time it is. */
export type Part = 'caller' | 'upstream' | 'proxies'

/** What one arm did with one method. Microseconds per call, one value a window, in the order they were taken. */
export interface Costs {
  readonly method: Method
  /** Of the application's main thread, while what it talks to does not sleep. */
  readonly mainUs: number[]
  /** Of all processes, while all of them sleep when they have nothing to do. */
  readonly totalUs: number[]
  readonly partsUs: Record<Part, number[]>
  /** From when a call was due to its end, in milliseconds: the calls of each window. */
  readonly latenciesMs: number[][]
  /** Allocated by one call in the calling process. */
  bytesPerCall: number
  calls: number
}

export interface ArmResult {
  readonly arm: Arm
  readonly costs: readonly Costs[]
  /** Accepted by the upstream, since the start and within windows of closed loops. */
  sockets: number
  socketsInWindows: number
}

export interface GroupResult {
  readonly group: string
  readonly arms: readonly ArmResult[]
  readonly loads: { readonly before: number; readonly after: number }
  readonly seconds: number
}

/** What was run where. */
export interface Machine {
  readonly date: string
  readonly node: string
  readonly v8: string
  readonly openssl: string
  readonly linux: string
  readonly cpu: string
  readonly cores: number
  readonly packages: Readonly<Record<string, string>>
  readonly pinned: boolean
  readonly concurrency: number
  readonly rate: number
  readonly pace: Options['pace']
}

export const noCosts = (method: Method): Costs => ({
  method,
  mainUs: [],
  totalUs: [],
  partsUs: { caller: [], upstream: [], proxies: [] },
  latenciesMs: [],
  bytesPerCall: Number.NaN,
  calls: 0,
})
