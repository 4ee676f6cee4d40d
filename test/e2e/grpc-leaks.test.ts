import assert from 'node:assert/strict'
import { test } from 'node:test'
import { status } from '@grpc/grpc-js'
import { observe } from '../kit/grpc/observe.ts'
import { FREE, startGrpcSetting } from '../kit/grpc/setting.ts'
import { activeResources, leftOver } from '../kit/invariants.ts'
import { closedLoop } from '../kit/load.ts'
import { TestSdk } from '../kit/otel.ts'
import { until } from '../kit/wait.ts'

const { OK, UNAVAILABLE } = status

test('FAULTS 65: callers that leave at any moment release everything exactly once', async (t) => {
  const spans = { begun: 0, ended: 0 }
  const sdk = new TestSdk({
    processors: [
      {
        onStart: () => void spans.begun++,
        onEnd: () => void spans.ended++,
        forceFlush: async () => {},
        shutdown: async () => {},
      },
    ],
  })
  t.after(() => sdk.provider.shutdown())
  const setting = await startGrpcSetting(t, {
    servers: 2,
    idempotent: true,
    pricing: { breaker: {}, limit: { inFlight: 16, queue: 64 }, retry: { budget: FREE } },
    behaviour: (_, nth) => (nth % 5 === 0 ? { code: UNAVAILABLE } : { delayMs: nth % 4 }),
  })
  const left: Record<string, number> = {}
  const { results } = await closedLoop({ callers: 20, calls: 1200 }, async (number) => {
    const moment = MOMENTS[number % MOMENTS.length]!
    const method = (['quote', 'upload', 'watch', 'chat'] as const)[number % 4]!
    const id = `a${number}`
    const seen = await observe(setting.client, method, {
      asks: [{ id, count: 4, answerBytes: 20_000, payload: Buffer.alloc((number % 5) * 1000) }],
      onCall: (call) => {
        const leave = (): void => call.cancel()
        if (moment === 'now') leave()
        if (typeof moment === 'number') void steps(moment).then(leave)
        if (moment === 'turn') setImmediate(leave)
        if (moment === 'arrival') void until(() => setting.times(id) > 0, { what: id }).then(leave, leave)
        if (moment === 'head' || moment === 'body')
          (call as never as NodeJS.EventEmitter).once(moment === 'head' ? 'metadata' : 'data', leave)
      },
    })
    if (seen.status?.code === status.CANCELLED) left[moment] = (left[moment] ?? 0) + 1
    else assert.ok([OK, UNAVAILABLE].includes(seen.status?.code as number), seen.status?.details)
    assert.equal(seen.events.filter((event) => event === 'status').length, 1)
  })
  assert.deepEqual(
    results.filter((result) => 'error' in result).map(({ error }) => String(error)),
    [],
  )
  t.diagnostic(`left: ${JSON.stringify(left)}`)
  for (const moment of ['now', 1, 2, 3, 5, 8, 'turn', 'arrival', 'head', 'body'])
    assert.ok((left[moment] ?? 0) > 10, `left at ${moment}: ${left[moment]}`)
  await setting.rest()
  for (const server of setting.servers) server.behaviour = {}
  // Had one permit been lost per leak, sixteen would have closed the door.
  await closedLoop({ callers: 16, calls: 200 }, () => setting.caller.ask({ timeoutMs: 5000 }))
  assert.deepEqual(setting.caller.words, [])
  assert.equal(setting.counted.calls.length, 1400, 'every call ended exactly once')
  t.diagnostic(`${spans.begun} spans begun, ${spans.ended} ended`)
  assert.deepEqual(spans, { begun: 1400, ended: 1400 })
  await setting.finish()
})

/** When a caller leaves: at once, some microtasks later, a turn of the loop later, and as things happen. */
const MOMENTS = ['now', 1, 2, 3, 5, 8, 'turn', 'arrival', 'head', 'body', 'never'] as const

async function steps(count: number): Promise<void> {
  for (let n = 0; n < count; n++) await undefined
}

test('(iv) a mesh whose gRPC clients were used and closed leaves no socket, listener or timer', async (t) => {
  const before = activeResources()
  const setting = await startGrpcSetting(t, {
    servers: 2,
    proxied: [0],
    pricing: { breaker: {}, timeout: '5s' },
  })
  await closedLoop({ callers: 8, calls: 200 }, () => setting.caller.ask({ answerBytes: 10_000 }))
  await setting.proxy.refuse()
  await closedLoop({ callers: 8, calls: 50 }, () => setting.caller.ask({ timeoutMs: 2000 }))
  await setting.finish()
  for (const server of setting.servers) server.close()
  await until(() => leftOver(before).length === 0, {
    what: 'everything to be released',
    seen: () => leftOver(before),
  })
})
