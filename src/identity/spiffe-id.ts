/**
 * SPIFFE IDs, read letter by letter as the standard has them (SPIFFE-ID.md, sections 2.1–2.3): `new URL` accepts ports,
 * users, queries, `/../`, percent signs and upper case, none of which may be in an ID.
 */
export interface SpiffeId {
  readonly text: string
  readonly trustDomain: string
  /** Of the path; empty where the ID is the trust domain itself. */
  readonly segments: readonly string[]
}

const SCHEME = 'spiffe://'
const MAX_BYTES = 2048
const MAX_TRUST_DOMAIN_BYTES = 255
const TRUST_DOMAIN = /^[a-z0-9._-]+$/
const SEGMENT = /^[A-Za-z0-9._-]+$/

/** @returns the ID, or the sentence that says why it is none. */
export function parseSpiffeId(text: string): SpiffeId | string {
  // All letters that are allowed are one byte each, so what is too long in letters is too long in bytes.
  if (text.length > MAX_BYTES) return `a SPIFFE ID has at most ${MAX_BYTES} bytes, this has ${text.length}`
  if (!text.startsWith(SCHEME)) return 'a SPIFFE ID begins with spiffe://'
  const [trustDomain = '', ...segments] = text.slice(SCHEME.length).split('/')
  const wrong = wrongTrustDomain(trustDomain) ?? wrongPath(segments)
  return wrong ?? Object.freeze({ text, trustDomain, segments: Object.freeze(segments) })
}

/** Why it cannot be a trust domain; undefined: it can. */
export function wrongTrustDomain(name: string): string | undefined {
  if (name === '') return 'its trust domain is empty'
  if (name.length > MAX_TRUST_DOMAIN_BYTES)
    return `its trust domain is longer than ${MAX_TRUST_DOMAIN_BYTES} bytes`
  if (!TRUST_DOMAIN.test(name))
    return 'its trust domain has something else than lower-case letters, digits, ".", "_" and "-"'
  return undefined
}

function wrongPath(segments: readonly string[]): string | undefined {
  for (const segment of segments) {
    if (segment === '') return 'its path has an empty segment or ends with "/"'
    if (segment === '.' || segment === '..') return 'its path has a "." or ".." segment'
    if (!SEGMENT.test(segment))
      return 'its path has something else than letters, digits, ".", "_", "-" and "/"'
  }
  return undefined
}

/** The ID of a service in the shape that Consul gave it: `spiffe://<td>/ns/<ns>/dc/<dc>/svc/<name>`. */
export function spiffeIdOf(trustDomain: string, dc: string, service: string, namespace = 'default'): string {
  return `${SCHEME}${trustDomain}/ns/${namespace}/dc/${dc}/svc/${service}`
}

/** What tells one service of a trust domain from another. */
export interface IdParts {
  readonly service: string
  readonly datacenter?: string | undefined
  readonly namespace?: string | undefined
}

/** The service of `/ns/<ns>/dc/<dc>/svc/<name>`; undefined where the path has another shape. */
export function serviceOf(id: string): string | undefined {
  return partsOf(id)?.service
}

/** The ID of another service of the same trust domain; what is left out is as in `id`, which must have Consul's shape. */
export function siblingId(id: string, { service, datacenter, namespace }: IdParts): string | undefined {
  const own = partsOf(id)
  if (own === undefined) return undefined
  const sibling = `${own.above}/ns/${namespace || own.namespace}/dc/${datacenter || own.datacenter}/svc/${service}`
  return serviceOf(sibling) === service ? sibling : undefined
}

interface OwnParts extends Required<IdParts> {
  readonly datacenter: string
  readonly namespace: string
  /** Before `/ns/`: the trust domain, and the admin partition where there is one (Consul Enterprise, `/ap/<name>`). */
  readonly above: string
}

function partsOf(id: string): OwnParts | undefined {
  const parsed = parseSpiffeId(id)
  if (typeof parsed === 'string') return undefined
  const { trustDomain, segments } = parsed
  const partition = segments.length === 8 && segments[0] === 'ap' ? segments.slice(0, 2) : []
  const [ns, namespace, dc, datacenter, svc, service, ...more] = segments.slice(partition.length)
  if (ns !== 'ns' || dc !== 'dc' || svc !== 'svc' || more.length > 0) return undefined
  if (namespace === undefined || datacenter === undefined || service === undefined) return undefined
  return { namespace, datacenter, service, above: [`${SCHEME}${trustDomain}`, ...partition].join('/') }
}

/** The ID of `other`, as ours with its name in the place of `own`; undefined where ours does not end with `own`. */
export function withService(id: string, own: string, other: string): string | undefined {
  const parsed = parseSpiffeId(id)
  if (typeof parsed === 'string' || parsed.segments.at(-1) !== own) return undefined
  const sibling = `${id.slice(0, id.length - own.length)}${other}`
  return !other.includes('/') && typeof parseSpiffeId(sibling) !== 'string' ? sibling : undefined
}
