import { consulOf, curtain, nobodyNoticed, type Scene } from '../stage.ts'
import { milliseconds } from '../ui/units.ts'
import { check, pause, until } from '../wait.ts'

export const leaderKilled: Scene = {
  name: 'leader',
  headline: 'The leader of Consul is killed while an instance restarts',
  async play(stage) {
    const { process: consul } = consulOf(stage)
    const leader = await consul.leader()
    const victim = stage.cluster.named('orders-3')
    await pause(500)
    stage.say(`kill -9 ${leader.pid}: ${leader.node} led the Consul cluster`)
    const killedMs = performance.now()
    await leader.kill('SIGKILL')
    stage.say(`and SIGTERM for ${victim.name}, which starts again while there may be no leader`)
    await victim.stop('SIGTERM')
    await victim.start()
    const next = await consul.leader()
    const electedMs = performance.now() - killedMs
    check(next !== leader, `${leader.node} still leads`)
    stage.say(
      `${next.node} leads now, ${milliseconds(electedMs)} later; ${leader.node} comes back and follows`,
    )
    await leader.start()
    const { figures: seen } = stage.traffic
    const before = seen.servedBy.get(victim.name) ?? 0
    await until(`calls for ${victim.name}`, 10_000, () => (seen.servedBy.get(victim.name) ?? 0) > before + 5)
    await pause(500)
    nobodyNoticed(await curtain(stage))
    return `${next.node} took over after ${milliseconds(electedMs)}; no call failed, and ${victim.name} restarted meanwhile`
  },
}
