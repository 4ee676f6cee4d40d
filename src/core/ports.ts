/** What the inner rooms need of the world. `mesh.ts` fills these from `platform/`; tests fill them by hand. */

/** Monotonic time. `now` is in milliseconds from an arbitrary origin and never steps back. */
export interface Clock {
  now(): number
  /**
   * Runs `fn` once after `ms` milliseconds. For the waits of a live call (a back-off, a deadline): keeps the process
   * alive, or a script that awaits its only call would end in the middle of it. Returns the disarm, safe to call twice.
   */
  after(ms: number, fn: () => void): () => void
  /** The same for work that nobody waits for (a probe, a ramp, a poll): never keeps the process alive. */
  background(ms: number, fn: () => void): () => void
}

/** Uniform in [0, 1). */
export type Random = () => number

/** Any logger with these four methods will do (pino and console fit). */
export interface Logger {
  debug(message: string, fields?: object): void
  info(message: string, fields?: object): void
  warn(message: string, fields?: object): void
  error(message: string, fields?: object): void
}

/** One part of the mesh that does I/O. `mesh.ts` starts parts in order and closes them in reverse. */
export interface Part {
  readonly name: string
  start(signal: AbortSignal): Promise<void>
  close(): Promise<void>
}
