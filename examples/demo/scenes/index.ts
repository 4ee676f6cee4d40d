import type { Scene } from '../stage.ts'
import { badPolicy } from './bad-policy.ts'
import { badPush } from './bad-push.ts'
import { balanced } from './balanced.ts'
import { impostors } from './impostors.ts'
import { killed } from './killed.ts'
import { livePolicy } from './live-policy.ts'
import { outage } from './outage.ts'
import { planeDown } from './plane-down.ts'
import { refusing } from './refusing.ts'
import { rolling } from './rolling.ts'
import { rotation } from './rotation.ts'
import { slow } from './slow.ts'
import { traced } from './traced.ts'

const BEGINNING = [balanced, killed, slow, refusing, rolling, livePolicy]
const WITHOUT_PLANE: readonly Scene[] = [...BEGINNING, badPolicy, outage, traced]
const ON_PLANE: readonly Scene[] = [...BEGINNING, badPush, outage, traced, planeDown, impostors, rotation]

/** In the order they are played. Each restores what it broke, so that any of them can be played alone. */
export function scenesFor(plane: boolean): readonly Scene[] {
  return plane ? ON_PLANE : WITHOUT_PLANE
}
