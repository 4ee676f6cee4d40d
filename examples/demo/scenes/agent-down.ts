import { healthOf, inTouch, inUse, keptByNow } from '../in-touch.ts'
import { consulOf, curtain, nobodyNoticed, type Scene } from '../stage.ts'
import { milliseconds } from '../ui/units.ts'
import { check, pause } from '../wait.ts'

export const agentDown: Scene = {
  name: 'agent-down',
  headline: 'The Consul agent is gone; an instance restarts without it',
  async play(stage) {
    const { agent } = consulOf(stage).process
    const victim = stage.cluster.named('orders-2')
    await keptByNow(stage, victim)
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
    const knownMs = await inTouch(stage, 20_000, ({ degraded }) => degraded)
    nobodyNoticed(await curtain(stage))
    return (
      `gone for ${milliseconds(goneMs)}, nobody noticed; ${victim.name} started without it, by what it had kept, and ` +
      `was called after ${milliseconds(backMs)}; all in touch again ${milliseconds(knownMs)} after its return`
    )
  },
}
