import { MTLS_MODES, type MtlsMode } from '../core/identity.ts'
import type { PolicyPiece } from '../core/piece.ts'
import { oneOf } from '../core/units.ts'

export const mtlsSchema = oneOf(MTLS_MODES)

/**
 * `mtls`: how calls to a service are protected. `strict`: mutual TLS always. `permissive`: mutual TLS where the endpoint
 * offers it, plaintext where it says that it does not. Undefined: as the local configuration has it. Of the two the
 * stricter wins where the local one was written down.
 */
export const mtlsPiece: PolicyPiece<MtlsMode | undefined> = {
  key: 'mtls',
  scope: 'service',
  schema: mtlsSchema,
  defaults: undefined,
}

const STRICTNESS: readonly MtlsMode[] = ['disable', 'permissive', 'strict']

/**
 * The mode of calls to one service.
 * @param local as configured in this process
 * @param written whether somebody wrote the local mode down; a default gives way to policy
 */
export function mtlsMode(policy: MtlsMode | undefined, local: MtlsMode, written: boolean): MtlsMode {
  if (policy === undefined) return local
  if (!written) return policy
  return STRICTNESS.indexOf(policy) > STRICTNESS.indexOf(local) ? policy : local
}
