import type { Health } from 'tulle'
import { curtain, nobodyNoticed, planeOf, type Scene, type Stage } from '../stage.ts'
import { check, pause } from '../wait.ts'

export const badPush: Scene = {
  name: 'bad-policy',
  headline: 'A bad policy is refused by the plane; nobody ever runs it',
  async play(stage) {
    await pause(300)
    const before = await inForce(stage)
    const refusal = await refusalOf(stage)
    stage.say(refusal)
    check(/services\.orders\.retry\.limit/.test(refusal), `the refusal does not name the path: ${refusal}`)
    check(/orders\.yaml:\d+:\d+/.test(refusal), `the refusal does not name line and column: ${refusal}`)
    await pause(1200)
    const after = await inForce(stage)
    check(after === before, `the policy in force was ${before} and is ${after}`)
    nobodyNoticed(await curtain(stage))
    return refusal.replace(/^.*?nothing has changed: /, '')
  },
}

async function refusalOf(stage: Stage): Promise<string> {
  try {
    await (await stage.policy.edit('orders.yaml', 'limit: 2', 'limit: three'))()
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  check(false, 'the plane took it')
}

/** What the eight processes run, and what they told the plane that they run. */
async function inForce(stage: Stage): Promise<string> {
  const told = await planeOf(stage).process.subscribers()
  const refused = told.flatMap((subscriber) => subscriber.refused)
  check(refused.length === 0, `a process refused what the plane had taken: ${refused[0]}`)
  const newest = Math.max(...told.map(({ sequence }) => sequence))
  const healths = await Promise.all(stage.cluster.instances.map((one) => one.ask({ ask: 'health' })))
  const run = new Set((healths as Health[]).map(({ policy }) => policy.version))
  return `version ${newest} (${[...run].join(', ')})`
}
