import type { Ambient } from './ambient.ts'
import type { Endpoint } from './endpoint.ts'
import type { AttemptReport } from './errors.ts'
import type { Route } from './plan.ts'

/** Who is at the other end of an inbound request. */
export interface PeerIdentity {
  /** The verified SPIFFE ID; undefined for plaintext. */
  readonly id?: string | undefined
  /** The service of that ID, where it is named as the mesh names services. */
  readonly service?: string | undefined
  /** The remote address, for people: never an identity. */
  readonly address?: string | undefined
  /** It came by a door that local configuration opens to anybody (a listener with `mtls: 'disable'` beside an identity). */
  readonly public?: true | undefined
}

export interface Target {
  readonly service: string
  readonly subset?: string | undefined
}

/** What a caller may say of a single call; stronger than every policy. */
export interface CallOptions {
  readonly timeoutMs?: number | undefined
  /** False: one attempt, not even a transparent second one. */
  readonly retry?: false | undefined
  /** True: no connection and no endpoint is no failure; the call waits for one as long as it has time (gRPC's wait-for-ready). */
  readonly waitForReady?: boolean | undefined
}

/** One logical request. The wire type is the adapter's own: layers cannot look inside. */
export interface Call<W> {
  readonly protocol: 'http' | 'grpc'
  readonly method: string
  /** Without the query. */
  readonly path: string
  /** Resolved once at entry; a policy swap never changes a running call. */
  readonly route: Route
  readonly ambient: Ambient
  readonly options: CallOptions
  /** Asked at the moment of decision: only the adapter knows whether the body can be sent again. */
  readonly replayable: boolean
  /** By method, by Idempotency-Key, by the call's option or by the route's word. */
  readonly idempotent: boolean
  readonly wire: W
  /** Inbound: the caller. */
  readonly peer?: PeerIdentity | undefined
  /** The hash key of an affine call. */
  readonly affinity?: string | undefined
  /** Set by split, read below it. */
  target: Target
  /** In `Clock.now()` milliseconds; Infinity until the deadline layer has spoken. */
  deadline: number
  /**
   * How far the deadline runs. `call`: to the last byte. Where nobody asked for one, the built-in bound ends at the
   * `head`, or once the request was `sent`.
   */
  covers: 'call' | 'head' | 'sent'
  /**
   * An attempt has a connection and takes what the caller sends. Asked when a built-in bound to `sent` passes: a long
   * upload is not `sent` for as long as it lasts, and yet has got through.
   */
  readonly underway?: boolean | undefined
  /** What the built-in bound covers where nobody asked for a deadline; default `head`. `nothing`: there is none. */
  readonly builtInCovers?: 'head' | 'sent' | 'nothing' | undefined
  /** Which calls go with the caller where the route does not say; default `safe`. */
  readonly cancel?: 'all' | 'safe' | undefined
  /** Attempts made so far; written by the layer that makes them. */
  attempts: number
  /** Those of them that were charged, after the first: gRFC A6 leaves the others out of what it counts. */
  retries?: number | undefined
  /** Where the latest attempt went, for spans, logs and errors. */
  endpoint?: Endpoint | undefined
  /** What became of the attempts that failed, oldest first; undefined while none has. */
  trail?: AttemptReport[] | undefined
  /** The telemetry room's own: what the spans of this call's attempts are children of. */
  span?: unknown
  /** Outbound: the caller wrote a `traceparent` itself, so nobody adds a second one. */
  readonly carriesTrace?: boolean | undefined
  /** Outbound: the absolute URL as the caller wrote it, query included; asked only for spans, which redact it. */
  readonly url?: string | undefined
  /**
   * Inbound: the framework's route pattern, where it has matched one. Ask at the end: it is not known before.
   */
  readonly pattern?: string | undefined
  /**
   * Inbound: every value of a header, in order, as the application gets them; a header that was sent twice has two.
   * Binary metadata as base64.
   *
   * @param name in lower case
   */
  headerValues?(name: string): readonly string[]
  /** Inbound: replaces `ambient` before the handler runs, so that it sees the span that was opened for it. */
  setAmbient?(ambient: Ambient): void
  /** For mirrors; undefined where the body cannot be had twice. */
  fork(): Call<W> | undefined
}
