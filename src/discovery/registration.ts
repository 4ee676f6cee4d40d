import type { Listener } from '../core/runtime.ts'

export interface RegistrarStatus {
  readonly state: 'idle' | 'registering' | 'registered' | 'left'
  /** What this process says it serves, `address:port`. */
  readonly endpoints: readonly string[]
  /** Since the registry last confirmed it; undefined: it never did. */
  readonly ageMs: number | undefined
  readonly problem: string | undefined
}

/** Tells a registry what this process serves, and that it is alive. */
export interface Registration {
  listen(listener: Listener): void
  leave(listener: Listener): void
  status(): RegistrarStatus
  /** For good, before a drain: resolves when the registry has heard it, or after a second. Never rejects. */
  deregister(): Promise<void>
}
