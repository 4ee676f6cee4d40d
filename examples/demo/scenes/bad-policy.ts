import type { Health } from 'tulle'
import { curtain, nobodyNoticed, type Scene } from '../stage.ts'
import { check, pause, until } from '../wait.ts'

export const badPolicy: Scene = {
  name: 'bad-policy',
  headline: 'A bad policy is refused; the last good one stays in force',
  async play(stage) {
    await pause(300)
    const mend = await stage.policy.edit('orders.yaml', 'limit: 2', 'limit: three')
    try {
      let refusal: string | undefined
      await until('the refusal in mesh.health() of web', 3000, async () => {
        refusal = problemIn(await stage.cluster.web.ask({ ask: 'health' }))
        return refusal !== undefined
      })
      stage.say(refusal ?? '')
      check(
        /services\.orders\.retry\.limit/.test(refusal ?? ''),
        `the refusal does not name the path: ${refusal}`,
      )
      check(
        /orders\.yaml:\d+:\d+/.test(refusal ?? ''),
        `the refusal does not name line and column: ${refusal}`,
      )
      await pause(1200)
      await mend()
      await until('the end of the refusal', 3000, async () => {
        return problemIn(await stage.cluster.web.ask({ ask: 'health' })) === undefined
      })
      nobodyNoticed(await curtain(stage))
      return refusal ?? ''
    } finally {
      await mend()
    }
  },
}

/** The refusal of the orders document as mesh.health() tells it, the folder left out. */
function problemIn(health: unknown): string | undefined {
  const { refused } = (health as Health).policy
  return refused.find((problem) => problem.includes('services.orders'))?.replace(/\(\/.*\//, '(')
}
