import { GRPC_TIMEOUT, OWN_PREFIX, TIMEOUT } from './header-names.ts'

const CLIENT_CERT_PREFIX = 'client-cert'
const FORWARDED_CLIENT_CERT = 'x-forwarded-client-cert'

/**
 * Headers that speak for an identity or for the mesh, and are therefore believed from nobody: taken off every inbound
 * request before the application sees it (RFC 9440, 4; identity comes from the socket alone).
 *
 * @param name in lower case
 */
export function isProtected(name: string): boolean {
  return name === FORWARDED_CLIENT_CERT || name.startsWith(OWN_PREFIX) || name.startsWith(CLIENT_CERT_PREFIX)
}

const CONFUSABLE = new Set([TIMEOUT, GRPC_TIMEOUT, 'content-length', 'transfer-encoding'])

/**
 * True for a name that becomes one the mesh believes or is framed by where somebody reads `_` as `-`, as CGI and WSGI
 * do. No healthy client sends one.
 *
 * @param name in lower case
 */
export function isConfusable(name: string): boolean {
  if (!name.includes('_')) return false
  const dashed = name.replaceAll('_', '-')
  return isProtected(dashed) || CONFUSABLE.has(dashed)
}
