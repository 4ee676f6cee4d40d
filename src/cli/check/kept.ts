import { type KeptPolicy, readKeptPolicy } from '../../control/kept-policy.ts'
import { isMeshError } from '../../core/errors.ts'
import type { Identity } from '../../core/identity.ts'
import { readBundle } from '../../identity/bundle.ts'
import { Kept, type KeptTrust } from '../../identity/kept.ts'
import type { Credentials } from '../../identity/source.ts'
import { tlsMaterial } from '../../identity/tls-material.ts'
import { stateDirectory } from '../../platform/state-dir.ts'
import { silent } from '../silent.ts'
import { type Finding, fail } from './finding.ts'

/** What a service has kept of itself; each part undefined where there is none that would be believed. */
export interface KeptState {
  readonly credentials?: Credentials | undefined
  readonly trust?: KeptTrust | undefined
  /** DER. */
  readonly roots: readonly Uint8Array[]
  readonly policy?: KeptPolicy | undefined
  readonly trouble: readonly Finding[]
}

/** Reads a state directory with the readers of the service itself, and changes nothing in it. */
export async function readKept(dir: string | undefined, service: string): Promise<KeptState> {
  if (!dir) return { roots: [], trouble: [] }
  const store = stateDirectory(dir)
  // `keys: false` would remove a key that lies there: that is the service's to do.
  const kept = new Kept({ service, store, keys: true, log: silent })
  const trouble: Finding[] = []
  const credentials = await kept.credentials()
  const trust = await kept.trust()
  if (kept.problem !== undefined)
    trouble.push(fail(kept.problem, 'Until this is mended, a start needs the plane and a join token.'))
  const bundle = trust && readBundle(trust.trust.bundle, trust.trust.trustDomain)
  if (isMeshError(bundle)) trouble.push(fail(bundle.message, bundle.hint))
  const roots = bundle === undefined || isMeshError(bundle) ? [] : bundle.roots
  const policy = await readKeptPolicy(store).catch((error: Error) => {
    trouble.push(
      fail(
        `the kept policy cannot be used: ${isMeshError(error) ? error.message : `policy.json in ${dir} is damaged`}`,
        'Remove the file; the service gets it anew from the plane.',
      ),
    )
    return undefined
  })
  return { credentials, trust, roots, policy, trouble }
}

/** The kept certificate as something to show to the plane; undefined where it is of no use (any more). */
export function keptIdentity(
  { credentials, roots }: KeptState,
  wallMs: number,
): Pick<Identity, 'current' | 'refusal' | 'onChange'> | undefined {
  if (credentials === undefined) return undefined
  const material = tlsMaterial(credentials, roots, wallMs)
  if (isMeshError(material) || material.svid.notAfterMs <= wallMs) return undefined
  const { context, svid } = material
  const { notBeforeMs, notAfterMs } = svid
  return {
    current: { generation: 1, context, notBeforeMs, notAfterMs },
    refusal: () => undefined,
    onChange: () => () => {},
  }
}
