/** When a process has compiled what it will. */

/** How many rounds must have brought nothing. */
const ROUNDS = 2
/** Less than this part of a cost is nothing. */
const NOTHING = 0.05

/** Whether the last rounds were no cheaper than the cheapest before them. Dearer they may be: that is another one's work. */
export function steady(costs: readonly number[]): boolean {
  if (costs.length <= ROUNDS) return false
  const before = Math.min(...costs.slice(0, -ROUNDS))
  return Math.min(...costs.slice(-ROUNDS)) >= before * (1 - NOTHING)
}
