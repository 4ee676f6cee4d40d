import type { Scene } from '../stage.ts'
import { badPolicy } from './bad-policy.ts'
import { balanced } from './balanced.ts'
import { killed } from './killed.ts'
import { livePolicy } from './live-policy.ts'
import { outage } from './outage.ts'
import { refusing } from './refusing.ts'
import { rolling } from './rolling.ts'
import { slow } from './slow.ts'
import { traced } from './traced.ts'

/** In the order they are played. Each restores what it broke, so that any of them can be played alone. */
export const SCENES: readonly Scene[] = [
  balanced,
  killed,
  slow,
  refusing,
  rolling,
  livePolicy,
  badPolicy,
  outage,
  traced,
]
