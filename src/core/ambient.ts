import type { PeerIdentity } from './call.ts'
import type { TraceContext } from './trace-context.ts'

/**
 * What a call inherits from the request that is being handled: captured once at a seam, carried as a field.
 * Written in one place (the inbound leaf), read in one place (the seams); ARCHITECTURE 9.
 */
export interface Ambient {
  /** When the inherited deadline passes, in `Clock.now()` milliseconds; undefined: nobody set one. */
  readonly deadline?: number | undefined
  /** The W3C context a caller sent, or the one the telemetry room opened for this request. */
  readonly trace?: TraceContext | undefined
  /** The `baggage` header as received, validated and size-capped; undefined when there was none. */
  readonly baggage?: string | undefined
  /** The OpenTelemetry context active here; opaque to everything but the telemetry room. */
  readonly context?: unknown
  /** Who called the request being handled. */
  readonly caller?: PeerIdentity | undefined
  readonly priority?: string | undefined
  /** What the request being handled came by. */
  readonly protocol?: 'http' | 'grpc' | undefined
  /** The life of the request being handled: what it cancels depends on `Route.cancel`. */
  readonly scope?: Scope | undefined
}

/** The life of one inbound request as its outgoing children see it. */
export interface Scope {
  /** True once the response is finished: deadline and cancellation no longer apply to work left behind. */
  readonly finished: boolean
  /** True once the caller went away before its response was finished. */
  readonly cancelled: boolean
  /** Runs `fn` once if the caller goes away first. Returns the removal, safe to call twice. */
  onCancel(fn: () => void): () => void
}

export const NO_AMBIENT: Ambient = Object.freeze({})

/** The port to async context; `platform/als.ts` fills it with the library's only AsyncLocalStorage. */
export interface AmbientStore {
  get(): Ambient | undefined
  run<T>(ambient: Ambient, fn: () => T): T
}

/** Tells what one action causes, at whatever later time, from everything else; as long as it is asked for. */
export interface AsyncMark {
  /** Begins the action, whose marks are told apart until `end`. */
  run(fn: () => void): void
  /** Whether what runs now was caused by it. */
  readonly here: boolean
  /** Nobody will ask again. */
  end(): void
}
