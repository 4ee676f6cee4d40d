import { MeshError } from '../core/errors.ts'
import type { ServicePlan, Snapshot } from '../core/plan.ts'
import { type Nearest, NO_NEAREST } from './nearest.ts'

/** What a URL's authority means to the mesh; undefined: it is none of ours and passes through untouched. */
export type Resolved = { readonly plan: ServicePlan } | { readonly error: MeshError } | undefined

/**
 * Which service a URL speaks to. A mesh name (`orders.mesh`, any case, a trailing dot allowed) always gets a plan or
 * an error, so that it never reaches DNS; of two suffixes that fit, the longer one counts. Any other name is ours only
 * where a policy claims it with `hosts:` and the URL says `http:`: whoever wrote `https:` for a real host was promised
 * TLS to it, and a policy must not take that away. A host written without a port means port 80.
 *
 * Errors: TULLE_BAD_NAME (a port on a mesh name, or no service in it), TULLE_UNKNOWN_SERVICE (with the nearest name).
 *
 * @param suffixes lower case, without the leading dot: `mesh`, `mesh.internal`
 * @param protocol `http:` or `https:`, as in `URL.protocol`
 * @param hostname as in `URL.hostname`
 * @param port as in `URL.port`: empty for the protocol's default
 */
export function resolveName(
  snapshot: Snapshot,
  suffixes: readonly string[],
  protocol: string,
  hostname: string,
  port: string,
  nearest: Nearest = NO_NEAREST,
): Resolved {
  const host = canonicalHost(hostname)
  const explicitPort = port === defaultPort(protocol) ? '' : port
  const suffix = suffixOf(host, suffixes)
  if (suffix === undefined)
    return protocol === 'http:' ? claimed(snapshot, protocol, host, explicitPort) : undefined
  const service = host.slice(0, -suffix.length - 1)
  const plan = explicitPort === '' ? snapshot.services.get(service) : undefined
  if (plan !== undefined) return { plan }
  const alias = claimed(snapshot, protocol, host, explicitPort)
  if (alias !== undefined) return alias
  if (service === '') return { error: badName(`${host}: no service in this mesh name`, undefined) }
  if (explicitPort !== '') {
    const message = `${host}:${explicitPort}: a mesh name carries no port; write ${host}`
    return { error: badName(message, service) }
  }
  return { error: unknownService(snapshot, service, host, suffix, nearest) }
}

const DOT = 46

function canonicalHost(hostname: string): string {
  const lower = hostname.toLowerCase()
  return lower.charCodeAt(lower.length - 1) === DOT ? lower.slice(0, -1) : lower
}

function defaultPort(protocol: string): string {
  return protocol === 'https:' || protocol === 'wss:' ? '443' : '80'
}

function suffixOf(host: string, suffixes: readonly string[]): string | undefined {
  let longest: string | undefined
  for (const suffix of suffixes) {
    // The dot first: nearly every name that is not ours fails there, for a third of what endsWith costs.
    const before = host.length - suffix.length - 1
    const fits = before < 0 ? host === suffix : host.charCodeAt(before) === DOT && host.endsWith(suffix)
    if (fits && suffix.length > (longest?.length ?? 0)) longest = suffix
  }
  return longest
}

function claimed(snapshot: Snapshot, protocol: string, host: string, port: string): Resolved {
  if (snapshot.hosts.size === 0) return undefined
  const plan =
    port === ''
      ? (snapshot.hosts.get(host) ?? snapshot.hosts.get(`${host}:${defaultPort(protocol)}`))
      : snapshot.hosts.get(`${host}:${port}`)
  return plan === undefined ? undefined : { plan }
}

function badName(message: string, service: string | undefined): MeshError {
  return new MeshError('TULLE_BAD_NAME', message, { layer: 'names', service })
}

function unknownService(
  snapshot: Snapshot,
  service: string,
  host: string,
  suffix: string,
  nearest: Nearest,
): MeshError {
  const near = nearest(service, snapshot.services.keys())
  const advice = near === undefined ? '' : `; did you mean ${near}.${suffix}?`
  return new MeshError('TULLE_UNKNOWN_SERVICE', `${host}: no service "${service}" is known${advice}`, {
    layer: 'names',
    service,
  })
}
