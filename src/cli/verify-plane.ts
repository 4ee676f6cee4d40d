import { isMeshError, MeshError } from '../core/errors.ts'
import { outOfTime, readSvid } from '../identity/svid.ts'

/** The service in the SPIFFE ID of every plane. */
const PLANE = 'tulle-plane'

/** Whether a chain that TLS has verified is that of a plane of a trust domain; undefined: it is. */
export function verifyPlane(
  wall: () => number,
): (chain: readonly Uint8Array[], trustDomain: string) => MeshError | undefined {
  return ([leaf], trustDomain) => {
    if (leaf === undefined) return new MeshError('TULLE_PEER', 'it showed no certificate', { layer: 'cli' })
    const svid = readSvid(leaf)
    if (isMeshError(svid)) return svid
    if (svid.service !== PLANE || svid.trustDomain !== trustDomain)
      return new MeshError('TULLE_PEER', `it is ${svid.id}, not the plane of ${trustDomain}`, {
        layer: 'cli',
      })
    return outOfTime(svid, wall())
  }
}
