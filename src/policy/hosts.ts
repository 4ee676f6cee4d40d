/**
 * Names a policy may claim with `hosts:` unless local configuration says otherwise: names that no public server
 * has, so that a policy from elsewhere cannot capture third-party origins (ARCHITECTURE 11).
 */
export const LOCAL_NAMES: readonly string[] = ['*', '*.mesh', '*.internal', '*.local', '*.svc', '*.consul']

export const HOST_ACCEPTS = 'a host name, with a port or without, such as orders.internal:8080'

const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/
const IPV4 = /^\d+(?:\.\d+){3}$/

/** `Orders.internal:8080` → its canonical form; undefined: it is no host name. Addresses are none. */
export function canonicalAuthority(text: string): string | undefined {
  const [name = '', port, ...rest] = text.toLowerCase().split(':')
  const host = name.endsWith('.') ? name.slice(0, -1) : name
  if (rest.length > 0 || host.length > 253 || IPV4.test(host)) return undefined
  if (!host.split('.').every((label) => LABEL.test(label))) return undefined
  if (port === undefined) return host
  const number = /^\d{1,5}$/.test(port) ? Number(port) : 0
  return number >= 1 && number <= 65535 ? `${host}:${number}` : undefined
}

/**
 * Whether a name may be claimed. A pattern is a whole name, `*` for any single label, or `*.suffix` for any name
 * below the suffix. The port plays no part.
 * @param authority as `canonicalAuthority` returns it
 */
export function mayClaim(authority: string, patterns: readonly string[]): boolean {
  const host = authority.split(':', 1)[0] as string
  return patterns.some((pattern) => {
    if (pattern === '*') return !host.includes('.')
    return pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : host === pattern
  })
}
