import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Fault } from '../kit/fault-proxy.ts'
import { FREE, type GrpcSetting, startGrpcSetting } from '../kit/grpc/setting.ts'
import { closedLoop } from '../kit/load.ts'
import { until } from '../kit/wait.ts'

const PAYLOAD = Buffer.alloc(150, 'o')
/** So many bytes of a connection go by before any call can: a cut there is a connect that failed (FAULTS 4). */
const HANDSHAKE = { request: 90, response: 90 }

/** A cut at every other byte of what the first calls of a connection and their answers take, polite and not. */
function* everyCut({ request, response }: { request: number; response: number }): Generator<Fault> {
  for (const action of ['fin', 'reset'] as const) {
    for (let byte = HANDSHAKE.request; byte < request; byte += 2)
      yield { direction: 'request', turn: 'whole', byte, action }
    for (let byte = HANDSHAKE.response; byte < response; byte += 2)
      yield { direction: 'response', turn: 'whole', byte, action }
  }
}

const ask = ({ caller }: GrpcSetting) => caller.ask({ payload: PAYLOAD, answerBytes: 150, timeoutMs: 10_000 })

/** What a connection with two calls takes. */
async function measure(setting: GrpcSetting): Promise<{ request: number; response: number }> {
  for (let n = 0; n < 4; n++) await ask(setting)
  const { requestBytes: request, responseBytes: response } = setting.proxy.counters
  for (const proxy of setting.proxies) proxy.drop('fin')
  await until(() => setting.proxies.every(({ open }) => open === 0), {
    what: 'the measured connections to be gone',
  })
  return { request, response }
}

test('FAULTS 58: a call that may not be repeated is executed at most once, cut at any byte, and else ends with one error', async (t) => {
  const setting = await startGrpcSetting(t, {
    servers: 2,
    proxied: [0, 1],
    pricing: { outlier: false, balance: 'round-robin', retry: { budget: FREE } },
  })
  const cuts = [...everyCut(await measure(setting))]
  let next = 0
  for (const proxy of setting.proxies)
    proxy.plan(() => ({ faults: next < cuts.length ? [cuts[next++] as Fault] : [] }))
  await until(
    async () => {
      await closedLoop({ callers: 4, calls: 40 }, () => ask(setting))
      return next === cuts.length
    },
    { what: 'every cut to strike', withinMs: 30_000, seen: () => `${next} of ${cuts.length}` },
  )
  const { seen, failures } = setting.caller
  const count = (times: number): number => seen.filter(({ id }) => setting.times(id) === times).length
  const struck = setting.proxies.reduce((sum, { counters }) => sum + counters.faulted, 0)
  t.diagnostic(
    `${seen.length} calls, ${struck} connections cut, ${failures.length} errors, ${setting.counted.transparent} sent again as provably unsent; executed never ${count(0)}, once ${count(1)}, more often ${seen.length - count(0) - count(1)}`,
  )
  assert.equal(count(0) + count(1), seen.length)
  assert.equal(setting.counted.retries, 0)
  assert.ok(struck > cuts.length * 0.8, `${struck} of ${cuts.length} cuts struck`)
  for (const { details } of failures) assert.match(details, /127\.0\.0\.1:\d+/)
  await setting.finish()
})
