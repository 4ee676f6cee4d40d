/** What one server accepts. Every limit is on unless it is set to 0 (Envoy's edge settings are the model). */
export interface ServerLimits {
  /** Bytes of one request's head; more: 431. Default 16 KiB. */
  readonly maxHeaderBytes: number
  /** Headers of one request; more: 431, never silently dropped. Default 100. */
  readonly maxHeaders: number
  /** Milliseconds for a head to arrive whole, an idle new connection included; more: 408. Default 10 s. */
  readonly headersTimeoutMs: number
  /** Milliseconds for a request to arrive whole, its body included; more: 408. Default 5 min. */
  readonly requestTimeoutMs: number
  /**
   * Milliseconds a connection may wait for its next request. Default 75 s: longer than any caller's (mesh callers let
   * go after 4 s, load balancers after 60 s), because the side that closes first must be the one that sends.
   */
  readonly keepAliveTimeoutMs: number
  /** Milliseconds without a byte in either direction while a request is on; then 504 or the end. Default 5 min. */
  readonly idleTimeoutMs: number
  /**
   * Milliseconds for a TLS handshake, its first byte included; more: the connection ends. Only where TLS is spoken.
   * Default 5 s.
   */
  readonly handshakeTimeoutMs: number
  /** Open connections in all; more: 503. Default 10,000. */
  readonly maxConnections: number
  /** Open connections of one remote address; more: 503. Default 1,024. Raise it behind a proxy. */
  readonly maxConnectionsPerPeer: number
}

export const DEFAULT_LIMITS: ServerLimits = Object.freeze({
  maxHeaderBytes: 16 * 1024,
  maxHeaders: 100,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 300_000,
  keepAliveTimeoutMs: 75_000,
  idleTimeoutMs: 300_000,
  handshakeTimeoutMs: 5000,
  maxConnections: 10_000,
  maxConnectionsPerPeer: 1024,
})
