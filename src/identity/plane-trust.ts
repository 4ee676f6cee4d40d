import { MeshError } from '../core/errors.ts'
import { follow } from '../core/follow.ts'
import type { PlaneLink } from '../core/plane.ts'
import { trustWire } from '../core/plane-wire.ts'
import type { Clock, Random } from '../core/ports.ts'
import type { TrustFeed } from './trust-keeper.ts'

/** How long a poll waits at the plane, in milliseconds: the most it allows. */
const POLL_MS = 60_000

export interface PlaneTrustOptions {
  readonly link: Pick<PlaneLink, 'send' | 'onReachable'>
  readonly clock: Clock
  readonly random: Random
}

/** Bundle and deny list as the plane says them, by long polls. */
export function planeTrust({ link, clock, random }: PlaneTrustOptions): TrustFeed {
  return ({ onWire, onConfirmed, onError }) => {
    let etag: string | undefined
    return follow({
      link,
      clock,
      random,
      request: () => ({ method: 'GET', path: '/v1/trust', etag, waitMs: POLL_MS, auth: 'none' }),
      onAnswer: (answer) => {
        const wire = trustWire.safeParse(answer.body)
        if (!wire.success) throw malformed(wire.error.issues[0]?.message)
        onWire(wire.data)
        etag = answer.etag
      },
      onUnchanged: onConfirmed,
      onError,
    })
  }
}

function malformed(why: string | undefined): MeshError {
  return new MeshError('TULLE_PLANE', `the plane's answer about trust is malformed: ${why}`, {
    layer: 'identity',
  })
}
