import { X509Certificate } from 'node:crypto'
import { readCertificate } from './certificate.ts'
import { stillRooted } from './rooted.ts'
import type { Credentials, SourceHealth, Trust } from './source.ts'

const DAY_MS = 86_400_000

/** One certificate that our calls depend on: what nobody renews in time is the classic outage of a mesh. */
export interface CertificateLevel {
  readonly level: 'leaf' | 'intermediate' | 'root'
  readonly subject: string
  /** Wall-clock milliseconds. */
  readonly notAfterMs: number
  /** Until it ends, with fractions; negative: it is over. */
  readonly daysLeft: number
}

/** For `mesh.health()` and `tulle check`. */
export interface IdentityHealth extends SourceHealth {
  /** Our SPIFFE ID; undefined before the first certificate. */
  readonly id: string | undefined
  readonly trustDomain: string | undefined
  /** The source's name. */
  readonly source: string
  /** Of our own leaf, wall-clock milliseconds. */
  readonly notAfterMs: number | undefined
  /** Our chain, leaf first, then the roots of the bundle. */
  readonly levels: readonly CertificateLevel[]
  /** How many identities are banned. */
  readonly denied: number
}

export function certificateLevels(
  credentials: Credentials | undefined,
  trust: Trust | undefined,
  wallMs: number,
): CertificateLevel[] {
  const roots = trust?.bundle.roots ?? []
  const isRoot = (der: Uint8Array): boolean => roots.some((root) => Buffer.compare(root, der) === 0)
  const [leaf, ...rest] = credentials?.chain ?? []
  const above = rest.filter((der) => !isRoot(der)).flatMap((der) => levelOf(der, 'intermediate', wallMs))
  const over = above.some(({ daysLeft }) => daysLeft < 0)
  // Consul sends the cross-signed intermediate of a rotation along for as long as the new root signs; it lives a week.
  const spare = over && leaf !== undefined && stillRooted([leaf], roots, wallMs)
  return [
    ...(leaf === undefined ? [] : levelOf(leaf, 'leaf', wallMs)),
    ...(spare ? above.filter(({ daysLeft }) => daysLeft >= 0) : above),
    ...roots.flatMap((der) => levelOf(der, 'root', wallMs)),
  ]
}

type Shown = Omit<CertificateLevel, 'daysLeft'>

/** Health is asked for by every probe, and reading DER takes a millisecond: each certificate is read once. */
const read = new WeakMap<Uint8Array, Shown>()

/** Nothing of a certificate that came along in the chain, leads nowhere, and cannot be read. */
function levelOf(der: Uint8Array, level: CertificateLevel['level'], wallMs: number): CertificateLevel[] {
  const known = read.get(der)
  const shown = known?.level === level ? known : shownOf(der, level)
  if (shown === undefined) return []
  read.set(der, shown)
  return [{ ...shown, daysLeft: (shown.notAfterMs - wallMs) / DAY_MS }]
}

function shownOf(der: Uint8Array, level: CertificateLevel['level']): Shown | undefined {
  const facts = readCertificate(der)
  if (typeof facts === 'string') return undefined
  const { notAfterMs, uris } = facts
  const named = level === 'leaf' ? uris[0] : new X509Certificate(der).subject
  return { level, subject: named || facts.serial, notAfterMs }
}
