import { randomBytes } from 'node:crypto'
import { request } from 'undici'
import type { SpanRecord } from '../messages.ts'
import { curtain, nobodyNoticed, type Scene, type Stage } from '../stage.ts'
import { depthOf, rootsOf, traceTree } from '../ui/trace-tree.ts'
import { check, pause, until } from '../wait.ts'

const TRIES = 20

export const traced: Scene = {
  name: 'traced',
  headline: 'One trace across four services, over HTTP and gRPC',
  async play(stage) {
    const victim = stage.cluster.named('orders-3')
    await victim.behave({ status: 503, only: '/traced' })
    stage.say(`${victim.name} refuses /items/traced, which is asked for until an attempt meets it`)
    let spans: readonly SpanRecord[] = []
    for (let tries = 0; tries < TRIES && !wasRepeated(spans); tries++) spans = await tracedRequest(stage)
    await victim.behave({})
    await pause(1000)
    nobodyNoticed(await curtain(stage))
    check(rootsOf(spans).length === 1, `the trace has ${rootsOf(spans).length} roots instead of one`)
    stage.show((paint) => traceTree(spans, paint))
    const repeated = wasRepeated(spans) ? ', with an attempt that was refused and the one that was not' : ''
    return `${spans.length} spans, ${depthOf(spans)} deep, one tree through web, orders, stock and pricing${repeated}`
  },
}

const wasRepeated = (spans: readonly SpanRecord[]): boolean =>
  spans.some((span) => span.attributes['http.request.resend_count'] !== undefined)

/** Sends one request that asks to be traced, and collects its spans from all processes. */
async function tracedRequest(stage: Stage): Promise<readonly SpanRecord[]> {
  const traceId = randomBytes(16).toString('hex')
  const traceparent = `00-${traceId}-${randomBytes(8).toString('hex')}-01`
  const { body } = await request(`${stage.cluster.url}/items/traced`, { headers: { traceparent } })
  await body.dump()
  let spans: SpanRecord[] = []
  await until('spans from web, orders, stock and pricing', 3000, async () => {
    const shelves = stage.cluster.instances.map((instance) => instance.ask({ ask: 'spans', traceId }))
    spans = ((await Promise.all(shelves)) as SpanRecord[][]).flat()
    return new Set(spans.map((span) => span.service)).size === 4 && rootsOf(spans).length === 1
  })
  return spans
}
