import type { KeyObject } from 'node:crypto'
import type { TrustBundle } from './bundle.ts'

/** Our own certificate and its key. */
export interface Credentials {
  /** DER, leaf first; the root may be there or not. */
  readonly chain: readonly Uint8Array[]
  readonly key: KeyObject
}

/** Whom we believe: a value of one moment. */
export interface Trust {
  readonly bundle: TrustBundle
  /** SPIFFE IDs that are banned. */
  readonly denied: ReadonlySet<string>
}

/** What a source holds at one moment. A certificate was judged when it came (`own.ts`). */
export interface Holding {
  readonly trust: Trust
  /** Undefined: the trust is known (from an earlier run) before there is a certificate. */
  readonly credentials?: Credentials | undefined
}

export interface SourceHealth {
  /** Where the certificate in use came from; undefined: there is none. */
  readonly from: 'plane' | 'consul' | 'disk' | 'files' | undefined
  /** How long ago it was received, in milliseconds. */
  readonly certificateAgeMs: number | undefined
  /** How long ago the bundle and the deny list were last confirmed, in milliseconds. */
  readonly trustAgeMs: number | undefined
  /** In how long the next renewal is due, in milliseconds; undefined: whoever writes the files, or Consul's agent, decides. */
  readonly renewalInMs: number | undefined
  /** What is wrong and what is done about it; undefined: nothing. */
  readonly problem: string | undefined
}

/**
 * Where certificates come from. To add one (the SPIFFE Workload API), implement this and hand it to
 * `MeshIdentity`; `start` may be called again after `close`.
 */
export interface IdentitySource {
  /** For people: `plane https://plane:7400`, `Consul http://127.0.0.1:8500`, `files /tls/tls.crt`. */
  readonly name: string
  /**
   * Resolves once a usable certificate was told to `onHolding`; rejects with a MeshError that names what was tried and
   * in vain. Later changes are told as they come, each complete.
   */
  start(onHolding: (holding: Holding) => void, signal: AbortSignal): Promise<void>
  health(): SourceHealth
  /** Ends every timer and request. What was told stays in force. */
  close(): Promise<void>
}
