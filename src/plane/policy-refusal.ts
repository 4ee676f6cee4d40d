import { type Problem, problemText } from '../policy/problem.ts'

/** A policy that is refused whole, with everything that is wrong with it: 422 over HTTP. */
export class PolicyRefusal extends Error {
  override readonly name = 'PolicyRefusal'
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    const [first, ...more] = problems
    const rest = more.length === 0 ? '' : ` and ${more.length} more`
    super(
      `the policy is refused, nothing has changed: ${first === undefined ? '' : problemText(first)}${rest}`,
    )
    this.problems = problems
  }
}
