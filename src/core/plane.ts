import { MeshError } from './errors.ts'

/** What the edges need of the plane, whatever carries it. The room `control` implements it over HTTPS. */

export interface PlaneRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  /** Below the plane's origin, query included: `/v1/policy`. */
  readonly path: string
  /** Sent as JSON. */
  readonly body?: unknown
  /**
   * The ETag of what is known; with `waitMs`, a long poll: 304 where nothing changed in time, and it does not keep the
   * process alive. Of a write `waitMs` is how much longer than usual it may take.
   */
  readonly etag?: string | undefined
  readonly waitMs?: number | undefined
  /** `none`: anybody may ask. `token`: the join or admin token. `identity`: our SVID, by mutual TLS. */
  readonly auth: 'none' | 'token' | 'identity'
}

export interface PlaneAnswer {
  /** 2xx or 304: anything else rejects. */
  readonly status: number
  readonly etag: string | undefined
  /** Parsed JSON, not yet judged; undefined where there was none. */
  readonly body: unknown
}

/** What `PlaneLink.send` rejects with where a plane answered and refused (4xx). */
export class PlaneRefusal extends MeshError {
  readonly status: number
  /** The parsed body of the refusal, not yet judged; undefined where it was no JSON. */
  readonly body: unknown

  constructor(status: number, body: unknown, message: string, hint?: string) {
    super('TULLE_PLANE_REFUSED', message, { layer: 'plane', hint })
    this.status = status
    this.body = body
  }
}

/** A way to one of the planes of a list; the next is tried where one cannot be reached. */
export interface PlaneLink {
  readonly urls: readonly string[]
  /**
   * Rejects with TULLE_PLANE where no plane could be reached or it answered 5xx, and with a `PlaneRefusal` (TULLE_PLANE_REFUSED)
   * for what it refuses (4xx), which has the status and the plane's own words; with the identity's own refusal where `auth` is
   * `identity` and there is none.
   */
  send(request: PlaneRequest, signal?: AbortSignal): Promise<PlaneAnswer>
  /**
   * For those who back off: called when asking again is worth it, because planes that could not be reached are back, or
   * because our own certificate, which was refused, has been replaced. Spread over the processes of a mesh, so that
   * listeners may ask at once. Listeners must not throw.
   */
  onReachable?(listener: () => void): () => void
  close(): Promise<void>
}

/** Small files kept on disk between runs of one service: certificates, the last good policy and endpoints. */
export interface StateStore {
  /** For messages: where it is. */
  readonly place: string
  /** Undefined: there is none. Rejects with TULLE_STATE where it is there and must not be believed (mode, owner, unreadable). */
  read(name: string): Promise<Uint8Array | undefined>
  /** Atomic, synced, mode 0600. */
  write(name: string, content: Uint8Array): Promise<void>
  remove(name: string): Promise<void>
}
