import type { Scene } from '../stage.ts'
import { agentDown } from './agent-down.ts'
import { badPolicy } from './bad-policy.ts'
import { badPush } from './bad-push.ts'
import { balanced } from './balanced.ts'
import { caRotated } from './ca-rotated.ts'
import { forbidden } from './forbidden.ts'
import { impostors } from './impostors.ts'
import { killed } from './killed.ts'
import { leaderKilled } from './leader-killed.ts'
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

const ON_CONSUL: readonly Scene[] = [
  ...BEGINNING,
  badPolicy,
  outage,
  traced,
  forbidden,
  agentDown,
  leaderKilled,
  caRotated,
]

/** Where addresses, policy and certificates come from. */
export type Setting = 'plane' | 'consul' | 'static'

const SCENES: Readonly<Record<Setting, readonly Scene[]>> = {
  plane: ON_PLANE,
  consul: ON_CONSUL,
  static: WITHOUT_PLANE,
}

/** In the order they are played. Each restores what it broke, so that any of them can be played alone. */
export function scenesFor(setting: Setting): readonly Scene[] {
  return SCENES[setting]
}
