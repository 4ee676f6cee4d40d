/** The answering process of an arm. */
import type { UpstreamKind } from '../arms/arm.ts'
import type { StateAnswer, UpstreamQuestion, UpstreamSettings } from '../messages.ts'
import { answer, stayAwake } from '../worker.ts'

/** Counts as it answers. */
export class Tally implements StateAnswer {
  connections = 0
  requests = 0
  traced = 0
}

/** Listens, and tells where. */
export type Listen = (settings: UpstreamSettings, tally: Tally) => Promise<number[]>

const KINDS: Readonly<Partial<Record<UpstreamKind, () => Promise<Listen>>>> = {
  socket: async () => (await import('./socket.ts')).listenSocket,
  moleculer: async () => (await import('./moleculer.ts')).listenMoleculer,
}

const settings = JSON.parse(process.argv[2] ?? '{}') as UpstreamSettings
const tally = new Tally()
const load = KINDS[settings.kind as UpstreamKind]
if (load === undefined) throw new Error(`no such upstream: ${settings.kind}`)
const listen = await load()
const ports = await listen(settings, tally)
answer(ports, (question: UpstreamQuestion): StateAnswer => {
  if (question.ask === 'awake') stayAwake(question.on)
  return { connections: tally.connections, requests: tally.requests, traced: tally.traced }
})
