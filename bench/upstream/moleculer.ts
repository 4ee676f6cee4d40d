import { createServer } from 'node:net'
import { ANSWER_BYTES, type UpstreamSettings } from '../messages.ts'
import { brokerOf, NODE } from '../moleculer-broker.ts'
import type { Tally } from './main.ts'
import { portOf } from './socket.ts'

const ANSWER = 'x'.repeat(ANSWER_BYTES)

/** A node of moleculer; what connects to it is its own business, so no connections are counted. */
export async function listenMoleculer(_settings: UpstreamSettings, tally: Tally): Promise<number[]> {
  const probe = createServer()
  const port = await portOf(probe)
  await new Promise((resolve) => probe.close(resolve))
  const broker = brokerOf(NODE, { port })
  broker.createService({
    name: 'orders',
    actions: {
      items: () => {
        tally.requests++
        return ANSWER
      },
    },
  })
  await broker.start()
  return [port]
}
