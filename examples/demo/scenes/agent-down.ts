import type { Health } from 'tulle'
import type { Instance } from '../instance.ts'
import { consulOf, curtain, nobodyNoticed, type Scene, type Stage } from '../stage.ts'
import { milliseconds } from '../ui/units.ts'
import { check, pause, until } from '../wait.ts'

export const agentDown: Scene = {
  name: 'agent-down',
  headline: 'The Consul agent is gone; an instance restarts without it',
  async play(stage) {
    const { agent } = consulOf(stage).process
    const victim = stage.cluster.named('orders-2')
    await pause(300)
    stage.say(`kill -9 ${agent.pid}: no addresses, certificates, intentions or policy are to be had`)
    const downMs = performance.now()
    await agent.kill('SIGKILL')
    await pause(600)
    stage.say(`kill -9 ${victim.pid}: ${victim.name} starts again with what it has on its disk`)
    await victim.stop('SIGKILL')
    await victim.start()
    const backMs = await inUse(stage, victim)
    const health = await healthOf(victim)
    check(health.identity?.from === 'disk', `its certificate is from ${health.identity?.from}`)
    check(
      health.consul?.endpoints?.source === 'kept',
      `its endpoints are from ${health.consul?.endpoints?.source}`,
    )
    check(!health.ok, 'it does not say that its agent is away')
    await agent.start()
    const goneMs = performance.now() - downMs
    stage.say(`the agent is back after ${milliseconds(goneMs)}`)
    const knownMs = await inTouch(stage)
    nobodyNoticed(await curtain(stage))
    return (
      `gone for ${milliseconds(goneMs)}, nobody noticed; ${victim.name} started without it, by what it had kept, and ` +
      `was called after ${milliseconds(backMs)}; all in touch again ${milliseconds(knownMs)} after its return`
    )
  },
}

/** How long it takes until an instance that has just started is called. */
async function inUse({ traffic }: Stage, { name }: Instance): Promise<number> {
  const { servedBy } = traffic.figures
  const before = servedBy.get(name) ?? 0
  return until(`calls for ${name}, which started without an agent`, 8000, () => {
    return (servedBy.get(name) ?? 0) > before + 5
  })
}

/** How long it takes until nobody complains any more. */
async function inTouch({ cluster }: Stage): Promise<number> {
  let complaints: readonly string[] = []
  try {
    return await until('everybody to be in touch with the agent', 20_000, async () => {
      const healths = await Promise.all(
        cluster.instances.map(async (one) => ({ one, health: await healthOf(one) })),
      )
      complaints = healths.flatMap(({ one, health }) => health.degraded.map((what) => `${one.name}: ${what}`))
      return complaints.length === 0
    })
  } catch (error) {
    throw new Error(`${(error as Error).message}; ${complaints.join('; ')}`)
  }
}

async function healthOf(instance: Instance): Promise<Health> {
  return (await instance.ask({ ask: 'health' })) as Health
}
