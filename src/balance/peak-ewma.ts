import type { BalancerModule } from './balancer.ts'
import { estimateMs } from './ewma.ts'
import { type Cost, twoChoices } from './two-choices.ts'

/**
 * Of two drawn endpoints the one that promises the shorter wait: the peak-EWMA estimate of its round trip times what
 * is in flight (Linkerd's default, SEMANTICS 2.7). Shifts away from a slow endpoint within a few calls.
 */
export const peakEwma: BalancerModule = {
  name: 'peak-ewma',
  picker: (available, { random }) => twoChoices(available, random, wait),
}

const wait: Cost = (load, busy, nowMs) => estimateMs(load, nowMs) * busy
