import type { Arm, Method } from '../../bench/arms/arm.ts'
import { type ArmResult, type Costs, type GroupResult, noCosts } from '../../bench/results.ts'

/** An arm that was looked at, without having run. */
export function measured(
  arm: Partial<Arm> & Pick<Arm, 'name'>,
  costs: Partial<Costs> & { readonly method?: Method },
): ArmResult {
  const whole: Arm = { group: 'http', label: arm.name, caller: 'dispatch', upstream: 'socket', ...arm }
  const all = { ...noCosts(costs.method ?? 'GET'), ...costs }
  return { arm: whole, costs: [all], sockets: 16, socketsInWindows: 0 }
}

/** A reference of 10 µs that differs from itself by 2, and an arm of 16 µs. */
export const GROUP: GroupResult = {
  group: 'http',
  seconds: 1,
  loads: { before: 0, after: 0 },
  arms: [
    measured(
      { name: 'dispatch' },
      { mainUs: [10, 10], totalUs: [20, 20], latenciesMs: [[0.1, 0.2, 0.3]], bytesPerCall: 5000 },
    ),
    measured(
      { name: 'mesh', against: 'dispatch' },
      { mainUs: [16, 16], totalUs: [26, 26], latenciesMs: [[0.2, 0.3, 0.9]], bytesPerCall: 9000 },
    ),
    measured(
      { name: 'dispatch-again', against: 'dispatch', again: 'dispatch' },
      { mainUs: [12, 12], totalUs: [21, 21], latenciesMs: [[0.1, 0.2, 0.3]], bytesPerCall: 5000 },
    ),
  ],
}
