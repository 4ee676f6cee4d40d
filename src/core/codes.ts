/** One line of `docs/errors.md`, which is generated from this table. */
export interface CodeEntry {
  /** What an inbound refusal answers with over HTTP; for outgoing codes, what a handler would sensibly answer. */
  readonly http: number
  /** The gRPC status name of the same. */
  readonly grpc: string
  /** Made by one of our own layers before or instead of a peer's answer: not retried, not charged to a peer. */
  readonly refusal: boolean
  readonly means: string
  /** What to do about it. */
  readonly hint: string
}

const code = (http: number, grpc: string, refusal: boolean, means: string, hint: string): CodeEntry => ({
  http,
  grpc,
  refusal,
  means,
  hint,
})

export const CODES = {
  TULLE_UNKNOWN_SERVICE: code(
    502,
    'UNAVAILABLE',
    true,
    'The name looks like a mesh name but no policy, endpoint list or discovery source knows the service.',
    'Check the spelling. With a plane or Consul, has an instance registered (`tulle services`, `consul catalog services`)? Else add the service to TULLE_ENDPOINTS or to the policy.',
  ),
  TULLE_BAD_NAME: code(
    400,
    'INVALID_ARGUMENT',
    true,
    'The URL of a mesh call is not a usable mesh name (it carries a port, or no service at all).',
    'Write http://<service>.mesh/path; ports come from discovery.',
  ),
  TULLE_BAD_CALL: code(
    400,
    'INVALID_ARGUMENT',
    true,
    'The call itself is malformed: an invalid header or method, a body that is neither text, bytes nor a stream, or an option of `mesh` that is not accepted.',
    'The message names the argument and what is accepted.',
  ),
  TULLE_NOT_READY: code(
    503,
    'UNAVAILABLE',
    true,
    'No endpoint set arrived from discovery within the time the call had.',
    'Look at mesh.health() for the discovery source, and raise the timeout if start-up is slow.',
  ),
  TULLE_NO_ENDPOINT: code(
    503,
    'UNAVAILABLE',
    true,
    'Discovery answered, and it knows no endpoint of this service, or none that speaks the protocol of the call.',
    'Is the service running and registered? mesh.describe(service) prints what is known.',
  ),
  TULLE_CIRCUIT_OPEN: code(
    503,
    'UNAVAILABLE',
    true,
    'The breaker of this service is open: too many calls failed although they were retried.',
    'Look at the service, not at the caller; calls are admitted again after openFor and a successful probe.',
  ),
  TULLE_OVERLOADED: code(
    503,
    'RESOURCE_EXHAUSTED',
    true,
    'This process has too many calls to the service in flight and its queue is full.',
    'Raise limit.inFlight or limit.queue, add callers, or find out why the service answers slowly.',
  ),
  TULLE_DEADLINE: code(
    504,
    'DEADLINE_EXCEEDED',
    false,
    'The time the call had ran out: its own timeout, the inherited deadline, or the built-in bound to the head.',
    'Raise the limit that the message names, or find out what takes so long.',
  ),
  TULLE_CANCELLED: code(
    499,
    'CANCELLED',
    true,
    'The caller of the request being handled went away, and this call was made on its behalf.',
    'Nobody waits for the answer. route.cancel chooses which calls die so; mesh.detached(fn) exempts work for good.',
  ),
  TULLE_TRY_TIMEOUT: code(
    504,
    'DEADLINE_EXCEEDED',
    false,
    'One attempt had no head within retry.tryTimeout after it was sent.',
    'Raise retry.tryTimeout if the service is honestly that slow.',
  ),
  TULLE_IDLE_TIMEOUT: code(
    504,
    'UNAVAILABLE',
    false,
    'The answer began and then no byte of it came for the idle limit.',
    'Give the route an explicit timeout if long silences are normal, or look at the peer.',
  ),
  TULLE_CONNECT: code(
    502,
    'UNAVAILABLE',
    false,
    'No connection to the endpoint could be made.',
    'Is the endpoint running, and listening at that address?',
  ),
  TULLE_CONNECT_TIMEOUT: code(
    504,
    'UNAVAILABLE',
    false,
    'The endpoint did not accept a connection within connect.timeout.',
    'A firewall that drops, a dead host, a full accept queue, or a peer that accepts and says nothing look like this.',
  ),
  TULLE_RESET: code(
    502,
    'UNAVAILABLE',
    false,
    'The connection broke while the call was on it.',
    'The phase says how far it had come; a call that may have been executed is only sent again where it is idempotent.',
  ),
  TULLE_PROTOCOL: code(
    502,
    'UNAVAILABLE',
    false,
    'The peer answered something that is not the protocol.',
    'Is the port the right one, and does it speak the protocol of the call (HTTP/1.1; HTTP/2 for gRPC) in clear text?',
  ),
  TULLE_CLOSED: code(
    503,
    'UNAVAILABLE',
    true,
    'The mesh of this process is closed, or the service left the policy while the call waited.',
    'Calls made during shutdown belong before mesh.close().',
  ),
  TULLE_START: code(
    500,
    'INTERNAL',
    true,
    'A part of the mesh could not start.',
    'The message names the part; nothing was left running.',
  ),
  TULLE_CONFIG: code(
    500,
    'FAILED_PRECONDITION',
    true,
    'An option or an environment variable has a value that is not accepted.',
    'The message names it, its value and what is accepted; `tulle config` prints what is in force.',
  ),
  TULLE_POLICY: code(
    500,
    'FAILED_PRECONDITION',
    true,
    'A policy document was refused as a whole; the last good one stays in force.',
    'The message names line, column and path; `tulle policy check` says the same before a roll-out.',
  ),
  TULLE_BAD_REQUEST: code(
    400,
    'INVALID_ARGUMENT',
    true,
    'An inbound request is ambiguous (two Host headers, an encoded NUL, a fragment …) and was refused before anything looked at it.',
    'The body names the rule. A healthy client never sends such a request.',
  ),
  TULLE_HEADERS_TOO_LARGE: code(
    431,
    'RESOURCE_EXHAUSTED',
    true,
    'An inbound request has more headers, or larger ones, than the server accepts.',
    'Send less, or raise the limits given to mesh.serve().',
  ),
  TULLE_TOO_LATE: code(
    504,
    'DEADLINE_EXCEEDED',
    true,
    'An inbound request arrived when its caller had already given up on it.',
    'Look for queueing between the caller and here.',
  ),
  TULLE_DRAINING: code(
    503,
    'UNAVAILABLE',
    true,
    'This instance is shutting down and its grace is over.',
    'Callers go to another instance; a mesh caller does so by itself.',
  ),
  TULLE_HANDLER: code(
    500,
    'INTERNAL',
    false,
    'The application threw instead of answering.',
    "The cause is the application's own error.",
  ),
  TULLE_IDENTITY: code(
    503,
    'UNAVAILABLE',
    true,
    'This process has no usable certificate, so it can neither call nor be called over mutual TLS.',
    'Look at mesh.health(): the join token, the plane, or the certificate files are what it is waiting for.',
  ),
  TULLE_IDENTITY_EXPIRED: code(
    503,
    'UNAVAILABLE',
    true,
    'The certificate of this process has expired and could not be renewed.',
    'Bring the plane (or whoever renews the certificate files) back; `tulle check` says what is wrong. Nothing goes out in plaintext instead.',
  ),
  TULLE_PEER: code(
    403,
    'PERMISSION_DENIED',
    false,
    'The other side showed a certificate that is not acceptable: expired, of another trust domain, of another service, or not an SVID at all.',
    'The message names the rule. Where it says that the certificate is not yet valid or expired, compare the clocks of both machines.',
  ),
  TULLE_TLS: code(
    502,
    'UNAVAILABLE',
    false,
    'The TLS handshake with the endpoint failed; nothing of the call was sent.',
    'An endpoint that speaks plaintext must be served with mutual TLS, or the service named permissive in local configuration or policy.',
  ),
  TULLE_PLAINTEXT_REFUSED: code(
    426,
    'UNAVAILABLE',
    false,
    'Plaintext where mutual TLS is demanded: an endpoint that offers nothing else, or a request whose socket is not TLS-verified.',
    'Serve through mesh.serve or serverFactory, which bring TLS; or name the service or the listener permissive while you migrate.',
  ),
  TULLE_PLANE: code(
    503,
    'UNAVAILABLE',
    true,
    'The plane could not be reached, or could not answer.',
    'Calls go on with the last good policy, endpoints and certificates. Is TULLE_PLANE_URL right, and the plane running?',
  ),
  TULLE_PLANE_REFUSED: code(
    403,
    'PERMISSION_DENIED',
    true,
    'The plane refused what it was asked for.',
    'The message has its reason: a token that is revoked, used up or of another service, an identity that is banned, or something malformed.',
  ),
  TULLE_CONSUL: code(
    503,
    'UNAVAILABLE',
    true,
    'The Consul agent could not be reached, or refused what it was asked for.',
    'What runs goes on with the last good endpoints, certificates, intentions and policy; a start takes the agent, or what TULLE_STATE_DIR keeps. Is CONSUL_HTTP_ADDR right, the agent running, and does the ACL token allow what the message names?',
  ),
  TULLE_DENIED: code(
    403,
    'PERMISSION_DENIED',
    true,
    'An inbound request was understood, and its caller may not do this.',
    'The service that refused names the rule that decided in its log and in its `request` events, and tells the caller nothing of it; with default deny somebody must allow it first.',
  ),
  TULLE_STATE: code(
    500,
    'INTERNAL',
    true,
    'Something in the state directory cannot be used: its mode, its owner, its content, or the disk.',
    'The message names the file. Private keys must be mode 0600 and belong to the user that runs the process.',
  ),
} as const satisfies Record<string, CodeEntry>

export type Code = keyof typeof CODES
