import { isMeshError, MeshError } from '../core/errors.ts'
import { outOfTime, readSvid } from './svid.ts'

/** The service in the SPIFFE ID of every plane. */
const PLANE = 'tulle-plane'

/**
 * Whether a chain that TLS has verified is that of a plane of a trust domain; undefined: it is.
 * @param chain DER, leaf first
 * @param trustDomain as the token or the kept bundle say, never as the peer does
 */
export function verifyPlane(
  [leaf]: readonly Uint8Array[],
  trustDomain: string,
  wallMs: number,
): MeshError | undefined {
  if (leaf === undefined) return refused('it showed no certificate')
  const svid = readSvid(leaf)
  if (isMeshError(svid)) return svid
  if (svid.service !== PLANE || svid.trustDomain !== trustDomain)
    return refused(`it is ${svid.id}, not the plane of ${trustDomain}`)
  return outOfTime(svid, wallMs)
}

function refused(message: string): MeshError {
  return new MeshError('TULLE_PEER', message, { layer: 'plane' })
}
