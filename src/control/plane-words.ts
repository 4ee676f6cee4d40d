import { isMeshError, MeshError } from '../core/errors.ts'
import { PlaneRefusal } from '../core/plane.ts'
import { refusalWire } from '../core/plane-wire.ts'

/** What is said of a plane that cannot be reached, is none, or refuses: always with its URL. */

/** By system or OpenSSL error code. */
const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused: nothing listens there',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name could not be resolved',
  ECONNRESET: 'the connection was reset',
  EHOSTUNREACH: 'there is no way to that host',
  ENETUNREACH: 'there is no way to that network',
  CERT_HAS_EXPIRED: 'its certificate has expired, or the clock of this machine is ahead',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet, or the clock of this machine is behind',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not speak TLS',
}
const STRANGERS = new Set([
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
])

const WRONG_PLACE = 'Is TULLE_PLANE_URL a plane, and is no proxy in between?'

/**
 * No connection, or one that broke.
 * @param phase `connect` where nothing of a request was sent
 */
export function unreachable(url: URL, cause: unknown, phase?: 'connect'): MeshError {
  if (isMeshError(cause)) return cause
  const { code = '', message } = cause as NodeJS.ErrnoException
  if (STRANGERS.has(code))
    return new MeshError(
      'TULLE_PLANE',
      `the plane at ${url.origin} shows a certificate of a root that is not in our trust bundle`,
      {
        layer: 'plane',
        phase,
        cause,
        hint: 'It is another plane, or its CA was replaced. Then start with an empty state directory and a new token: `tulle token create`.',
      },
    )
  const reason = REASONS[code] ?? (code === '' || message.includes(code) ? message : `${message} (${code})`)
  return new MeshError('TULLE_PLANE', `the plane at ${url.origin} cannot be reached: ${reason}`, {
    layer: 'plane',
    phase,
    cause,
  })
}

/** TLS is good, and the other side is somebody else. */
export function unproven(url: URL, cause: MeshError): MeshError {
  return new MeshError(
    'TULLE_PLANE',
    `what answers at ${url.origin} is no plane of this trust domain: ${cause.message}`,
    { layer: 'plane', phase: 'connect', cause, hint: cause.hint },
  )
}

/** An answer that is none of a plane's. */
export function nonsense(url: URL, what: string, cause?: unknown): MeshError {
  return new MeshError('TULLE_PLANE', `the plane at ${url.origin} answered ${what}`, {
    layer: 'plane',
    cause,
    hint: WRONG_PLACE,
  })
}

/** What a status other than 2xx and 304 means. */
export function refused(url: URL, status: number, body: unknown): MeshError {
  const said = refusalWire.safeParse(body).data
  const words = said === undefined ? '' : `: ${clipped(said.message)} (${clipped(said.error)})`
  const hint = said?.hint === undefined ? undefined : clipped(said.hint)
  if (status >= 400 && status < 500)
    return new PlaneRefusal(status, body, `the plane at ${url.origin} refuses${words || `: ${status}`}`, hint)
  return new MeshError('TULLE_PLANE', `the plane at ${url.origin} answered ${status}${words}`, {
    layer: 'plane',
    hint: hint ?? (status < 400 ? WRONG_PLACE : undefined),
  })
}

/** What comes from outside goes into logs: one line, and not a long one. */
function clipped(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what must not get through
  return text.replace(/[\u0000-\u001f\u007f\u2028\u2029]+/g, ' ').slice(0, 500)
}
