import { ConsulRefusal, type ConsulRequest } from '../core/consul.ts'
import { isMeshError, MeshError } from '../core/errors.ts'
import { ruleFor } from './consul-rule.ts'

/** What is said of an agent that cannot be reached, is none, or refuses: always with its address, never with a token. */

/** By system or OpenSSL error code: what happened, and what to do. */
const REASONS: Readonly<Record<string, readonly [string, string?]>> = {
  ECONNREFUSED: [
    'connection refused: nothing listens there',
    'Is the agent running, and CONSUL_HTTP_ADDR its address?',
  ],
  ENOENT: [
    'there is no such socket',
    'Is the agent running, and does addresses.http of its configuration name this socket?',
  ],
  EACCES: ['this process may not use that socket', 'Look at unix_sockets (user, group, mode) of the agent.'],
  ENOTFOUND: ['the host name is not known', 'Is CONSUL_HTTP_ADDR right?'],
  EAI_AGAIN: ['the host name could not be resolved'],
  ECONNRESET: [
    'the connection was reset',
    'The agent was stopped, allows no more connections (limits.http_max_conns_per_client), or speaks HTTPS on this port.',
  ],
  UND_ERR_SOCKET: [
    'the connection was closed before the answer was whole',
    'The agent was stopped, or speaks HTTPS on this port.',
  ],
  EHOSTUNREACH: ['there is no way to that host'],
  ENETUNREACH: ['there is no way to that network'],
  UND_ERR_HEADERS_OVERFLOW: ['its answer has more headers than any agent sends'],
  EMFILE: ['this process has no file descriptor left'],
  CERT_HAS_EXPIRED: ['its certificate has expired, or the clock of this machine is ahead'],
  CERT_NOT_YET_VALID: ['its certificate is not valid yet, or the clock of this machine is behind'],
  ERR_TLS_CERT_ALTNAME_INVALID: [
    'its certificate is for another name',
    'Set CONSUL_TLS_SERVER_NAME to a name that is in it, such as localhost or server.dc1.consul.',
  ],
  ERR_SSL_WRONG_VERSION_NUMBER: [
    'it does not speak TLS',
    'Is that the HTTPS port of the agent (ports.https)?',
  ],
  ERR_SSL_PACKET_LENGTH_TOO_LONG: [
    'it does not speak TLS',
    'Is that the HTTPS port of the agent (ports.https)?',
  ],
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: [
    'it asks for a client certificate',
    'Set CONSUL_CLIENT_CERT and CONSUL_CLIENT_KEY.',
  ],
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: [
    'it refuses our client certificate',
    'Is CONSUL_CLIENT_CERT of the CA that the agent trusts?',
  ],
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: [
    'it does not trust the CA of our client certificate',
    'Is CONSUL_CLIENT_CERT of the CA that the agent trusts?',
  ],
}
const STRANGERS = new Set([
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
])
const STRANGER = [
  'its certificate is of a CA that is not trusted here',
  'Set CONSUL_CACERT (or CONSUL_CAPATH) to the CA of the agents.',
] as const
const UNCERTIFIED = [
  'the connection was closed after the TLS handshake: does it ask for a client certificate?',
  'If verify_incoming_https is on, set CONSUL_CLIENT_CERT and CONSUL_CLIENT_KEY.',
] as const
/** What undici's parser refuses. */
const NOT_HTTP = [
  'what answers there does not speak HTTP',
  'Is that the HTTP port of the agent (ports.http)?',
] as const

/**
 * No connection, or one that broke.
 * @param bare over TLS, and without a client certificate: TLS 1.3 tells who misses one after the handshake, by ending it
 */
export function unreachable(address: string, cause: unknown, bare = false): MeshError {
  if (isMeshError(cause)) return cause
  const { code = '', message, name } = cause as NodeJS.ErrnoException
  const [reason, hint] =
    bare && (code === 'UND_ERR_SOCKET' || code === 'ECONNRESET')
      ? UNCERTIFIED
      : STRANGERS.has(code)
        ? STRANGER
        : name === 'HTTPParserError'
          ? NOT_HTTP
          : (REASONS[code] ?? [code === '' || message.includes(code) ? message : `${message} (${code})`])
  // What undici's parser refuses it keeps whole, and an echo sends back what was shown to it.
  const inside = name === 'HTTPParserError' ? undefined : cause
  return consulError(
    `the Consul agent at ${address} cannot be reached: ${oneLine(reason, 300)}`,
    hint,
    inside,
  )
}

/**
 * Without what was shown to the agent, in whatever it, or what stands before it, has said.
 * @param auth `user:password`
 */
export function masked(text: string, token: string | undefined, auth: string | undefined): string {
  const basic = auth === undefined ? undefined : Buffer.from(auth).toString('base64')
  const password = auth?.slice(auth.indexOf(':') + 1)
  let shown = text
  for (const secret of [token, basic, password]) if (secret) shown = shown.replaceAll(secret, '********')
  return shown
}

/** Its answer did not come, or not whole. */
export function late(where: string, ms: number): MeshError {
  return consulError(
    `${where} gave no whole answer within ${Math.round(ms / 1000)} s`,
    'The agent hangs, is overloaded, or cannot reach its servers: see its log.',
  )
}

/** An answer that is none of an agent's. */
export function nonsense(where: string, what: string, cause?: unknown): MeshError {
  const hint = 'Is that the address of a Consul agent, and nothing else between it and this process?'
  return consulError(`${where} answered ${what}`, hint, cause)
}

/** What a status means that is no answer. `words`: the agent's own, in one line. */
export function refused(where: string, request: ConsulRequest, status: number, words: string): ConsulRefusal {
  const said = words === '' ? '' : `: ${words}`
  return new ConsulRefusal(
    status,
    words,
    `${where} refused with ${status}${said}`,
    hintFor(request, status, words),
  )
}

function hintFor({ method, path, query }: ConsulRequest, status: number, words: string): string | undefined {
  if (status === 403 && /ACL not found|does not exist/i.test(words))
    return 'Consul does not know this ACL token: it was deleted, has expired, or is of another cluster. Put a new one into CONSUL_HTTP_TOKEN_FILE (it is read again by itself) or CONSUL_HTTP_TOKEN.'
  if (status === 403 || /permission denied/i.test(words)) {
    const rule = ruleFor(method, path, query)
    return rule === undefined ? 'The ACL token does not allow this.' : `The ACL token needs: ${rule}`
  }
  if (status === 401) return 'What stands before the agent asks for CONSUL_HTTP_AUTH=user:password.'
  if (status === 429)
    return 'The agent limits what is asked of it (limits in its configuration): asked again later by itself.'
  if (lostLeader(status, words))
    return 'The Consul servers have no leader, or the agent cannot reach them: asked again by itself.'
  if (status === 400 && /namespace|partition|"ns"/i.test(words))
    return 'Namespaces and partitions are of Consul Enterprise: unset CONSUL_NAMESPACE and CONSUL_PARTITION.'
  if (status === 400 && words.includes('HTTPS server'))
    return 'That is the HTTPS port: set CONSUL_HTTP_SSL=true, or https:// in CONSUL_HTTP_ADDR.'
  if (status === 404)
    return 'This Consul does not know that endpoint: is it too old, or Connect (connect.enabled) not on?'
  return undefined
}

/** The agent answers, and has nobody to ask. */
export const lostLeader = (status: number, words: string): boolean =>
  status >= 500 && /no cluster leader|no known consul servers|rpc error getting client/i.test(words)

export function consulError(message: string, hint?: string, cause?: unknown): MeshError {
  return new MeshError('TULLE_CONSUL', message, { layer: 'consul', hint, cause })
}

/** What comes from outside goes into logs: one line, and not a long one. */
export function oneLine(text: string, length: number): string {
  return text
    .replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .trim()
    .slice(0, length)
}
