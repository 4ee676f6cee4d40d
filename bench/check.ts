/** `--check`: what was measured is held against the budgets, and what is over one gets a second look. */
import { armsOf, withReferences } from './arms/index.ts'
import { type Budget, bestOf, judge, type Verdict } from './budgets.ts'
import { CALL_GROUPS } from './groups.ts'
import { type Options, paceOf } from './options.ts'
import type { GroupResult } from './results.ts'
import { runGroup } from './runner.ts'

/**
 * The verdicts on budgets that were exceeded, after their arms were measured once more, alone: a neighbour that took the
 * machine in one look has seldom stayed for both, and a cost that has grown is there in both.
 */
export async function withSecondLook(
  verdicts: readonly Verdict[],
  options: Options,
  certificates: string,
  tell: (line: string) => void,
): Promise<Verdict[]> {
  const exceeded = verdicts.filter(({ kept }) => !kept).map(({ budget }) => budget)
  const results: GroupResult[] = []
  for (const group of CALL_GROUPS) {
    const names = exceeded.filter((budget) => budget.group === group).flatMap(namesIn)
    if (names.length === 0) continue
    tell(`over a budget, measured again: ${names.join(', ')}`)
    const arms = withReferences(armsOf(group, options), names)
    const pace = paceOf(group, options.pace)
    results.push(await runGroup(arms, { ...options, pace }, certificates, tell))
  }
  return bestOf(verdicts, judge(exceeded, results))
}

const namesIn = ({ arm, over }: Budget): string[] => [arm, over]
