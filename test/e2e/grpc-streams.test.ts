import assert from 'node:assert/strict'
import { test } from 'node:test'
import { status } from '@grpc/grpc-js'
import { Fleet } from '../kit/grpc/fleet.ts'
import type { Flow, Flowed } from '../kit/grpc/flow-process.ts'
import { observe, type Seen } from '../kit/grpc/observe.ts'
import { PRICING } from '../kit/grpc/pricing.ts'
import { rawGrpcServer, reset } from '../kit/grpc/raw-server.ts'
import { FREE, startGrpcSetting } from '../kit/grpc/setting.ts'
import { siblingOf, startProcess } from '../kit/process.ts'
import { until } from '../kit/wait.ts'

const { UNAVAILABLE, OK } = status
const REFUSED_STREAM = 7
const BASE = { outlier: false, balance: 'round-robin', retry: { budget: FREE } } as const
const asks = (count: number, bytes = 100) =>
  Array.from({ length: count }, (_, n) => ({ id: 's', quantity: n, payload: Buffer.alloc(bytes) }))

/** Exactly one error, and nothing that looks like success. */
function oneError(seen: Seen, where: string): void {
  assert.equal(seen.events.filter((event) => event === 'error').length, 1, `${where}: ${seen.events}`)
  assert.equal(seen.events.filter((event) => event === 'status').length, 1, `${where}: ${seen.events}`)
  assert.equal(seen.events.includes('end') && seen.status?.code === OK, false, where)
  assert.notEqual(seen.error?.code, OK, where)
  assert.equal(seen.status?.code, seen.error?.code, where)
}

for (const method of ['upload', 'chat'] as const) {
  test(`${method}: what fits the buffer and fails before the first header is sent again by policy, whole`, async (t) => {
    const setting = await startGrpcSetting(t, {
      servers: 2,
      pricing: { ...BASE, retry: { ...BASE.retry, retryOn: ['unavailable'] } },
    })
    setting.servers[0]!.behaviour = { code: UNAVAILABLE }
    for (let n = 0; n < 10; n++) {
      const seen = await observe(setting.client, method, { asks: asks(20) })
      assert.equal(seen.status?.code, OK, seen.status?.details)
      assert.equal(seen.answers.length, method === 'upload' ? 1 : 20)
      assert.equal(seen.answers.at(-1)!.seen, 20)
      assert.equal(seen.answers.at(-1)!.seenBytes, 2000)
      assert.equal(seen.answers.at(-1)!.servedBy, 'pricing-1')
    }
    assert.ok(setting.counted.retries >= 4, String(setting.counted.retries))
    await setting.finish()
  })

  test(`FAULTS 11: ${method}: a stream refused before anybody looked at it is sent again without being counted`, async (t) => {
    const refusing = await rawGrpcServer(t, (call) => reset(call, REFUSED_STREAM))
    const setting = await startGrpcSetting(t, {
      pricing: { ...BASE, retry: { budget: { ratio: '0%', minPerSecond: 0 } } },
      also: [refusing.address],
    })
    for (let n = 0; n < 10; n++) {
      const seen = await observe(setting.client, method, { asks: asks(20) })
      assert.equal(seen.status?.code, OK, seen.status?.details)
      assert.equal(seen.answers.at(-1)!.seenBytes, 2000)
    }
    assert.ok(refusing.calls.length >= 4, String(refusing.calls.length))
    assert.equal(setting.counted.transparent, refusing.calls.length)
    assert.equal(setting.counted.retries, 0)
    assert.equal(setting.server.ledger.executions.length, 10)
    await setting.finish()
  })

  test(`FAULTS 5: ${method}: past the buffer nothing is sent again: one error that names the endpoint and why`, async (t) => {
    const setting = await startGrpcSetting(t, {
      servers: 2,
      proxied: [0, 1],
      pricing: { ...BASE, routes: [{ match: { grpc: { service: PRICING } }, idempotent: true }] },
    })
    for (const proxy of setting.proxies)
      proxy.plan({ faults: [{ direction: 'request', turn: 'whole', byte: 2_500_000, action: 'reset' }] })
    for (let n = 0; n < 4; n++) {
      const before = setting.servers.map(({ ledger }) => ledger.executions.length)
      const seen = await observe(setting.client, method, { asks: asks(64, 65_536) })
      oneError(seen, String(n))
      assert.equal(seen.error!.code, UNAVAILABLE)
      assert.match(seen.error!.details, /127\.0\.0\.1:\d+/)
      t.diagnostic(seen.error!.details)
      const begun = setting.servers.map(({ ledger }, at) => ledger.executions.length - before[at]!)
      assert.equal(begun[0]! + begun[1]!, 1, 'begun once')
    }
    await setting.finish()
  })
}

test('FAULTS 1: an answer stream cut at any byte is one error, never a shorter stream', async (t) => {
  const setting = await startGrpcSetting(t, {
    proxied: [0],
    pricing: { outlier: false, retry: false },
  })
  const [count, answerBytes] = [12, 150]
  const watch = () => observe(setting.client, 'watch', { asks: [{ id: 'cut', count, answerBytes }] })
  const handshake = 100
  await watch()
  const whole = setting.proxy.counters.responseBytes
  const cutOff = async (): Promise<void> => {
    setting.proxy.drop('fin')
    await until(() => setting.proxy.open === 0, { what: 'the connection to be gone' })
  }
  let [broken, none] = [0, 0]
  for (const action of ['reset', 'fin'] as const)
    for (let byte = handshake; byte < whole; byte += 11) {
      await cutOff()
      setting.proxy.plan({ faults: [{ direction: 'response', turn: 'whole', byte, action }] })
      const seen = await watch()
      const where = `${action} at ${byte}`
      for (const [n, { index, payload }] of seen.answers.entries())
        assert.deepEqual([index, payload.length], [n, answerBytes], where)
      if (seen.status?.code === OK) {
        assert.equal(seen.answers.length, count, `${where}: a truncated stream was called complete`)
        continue
      }
      oneError(seen, where)
      assert.match(seen.error!.details, /127\.0\.0\.1:\d+/, where)
      broken++
      if (seen.metadata === undefined) none++
    }
  t.diagnostic(`${whole} bytes, ${broken} streams broke off and said so, ${none} of them before any header`)
  assert.ok(broken > 250, String(broken))
  await cutOff()
  setting.proxy.plan({})
  assert.equal((await watch()).answers.length, count)
  await setting.finish()
})

for (const direction of ['up', 'down'] as const)
  test(`64 MB in one stream ${direction}, through a mesh on both sides, at flat memory`, async (t) => {
    const member = await new Fleet(t).start()
    const flow: Flow = { direction, address: member.address, bytes: 64_000_000, piece: 64_000 }
    const run = (bytes: number) =>
      startProcess(t, siblingOf(import.meta.url, '../kit/grpc/flow-process'), {
        args: [JSON.stringify({ ...flow, bytes })],
        readyWithinMs: 60_000,
      })
    await run(16_000_000)
    const before = await member.memory()
    const { ready } = await run(flow.bytes)
    const after = await member.memory()
    const { bytes, seconds, held, rss } = JSON.parse(ready[1] as string) as Flowed
    const grown = Math.max(0, after.maxRss - before.maxRss)
    const mb = (n: number): string => `${(n / 1e6).toFixed(1)} MB`
    t.diagnostic(
      `${seconds.toFixed(1)} s; client: held +${mb(held)}, resident +${mb(rss)}; server: resident +${mb(grown)} at most`,
    )
    assert.equal(bytes, flow.bytes)
    // A copy of the stream anywhere would be 64 MB.
    assert.ok(held < 16_000_000, mb(held))
    assert.ok(rss < 48_000_000, mb(rss))
    assert.ok(grown < 48_000_000, mb(grown))
  })

/** The value once it has not changed for a while. */
async function settled(value: () => number): Promise<number> {
  let [last, since] = [value(), performance.now()]
  await until(
    () => {
      if (value() === last) return performance.now() - since > 400
      ;[last, since] = [value(), performance.now()]
      return false
    },
    { what: 'the writer to stop', withinMs: 15_000, seen: value },
  )
  return last
}

const PIECE = 16_384
const COUNT = 4000

test('a reader that waits stops the server that writes', async (t) => {
  const setting = await startGrpcSetting(t, { pricing: { outlier: false } })
  const call = setting.client.watch({ id: 'slow', count: COUNT, answerBytes: PIECE })
  let read = 0
  const first = new Promise<void>((resolve) =>
    call.on('data', () => {
      read++
      if (read === 1) {
        call.pause()
        resolve()
      }
    }),
  )
  await first
  const ahead = (await settled(() => setting.server.ledger.executions[0]!.answered)) * PIECE
  t.diagnostic(`the server is ${(ahead / 1e6).toFixed(2)} MB ahead of its reader`)
  assert.ok(ahead < 10_000_000, String(ahead))
  const ended = new Promise((resolve) => call.once('end', resolve))
  call.resume()
  await ended
  assert.equal(read, COUNT)
  await setting.finish()
})

test('a server that does not read stops the client that writes', async (t) => {
  const setting = await startGrpcSetting(t, {
    pricing: { outlier: false },
    behaviour: { deaf: true, never: true },
  })
  const call = setting.client.upload(() => {})
  call.on('error', () => {})
  let accepted = 0
  const payload = Buffer.alloc(PIECE)
  const write = (): void => {
    while (accepted < COUNT) {
      accepted++
      if (call.write({ payload })) continue
      call.once('drain', write)
      return
    }
  }
  write()
  const ahead = (await settled(() => accepted)) * PIECE
  t.diagnostic(`the client is ${(ahead / 1e6).toFixed(2)} MB ahead of the server`)
  assert.ok(ahead < 10_000_000, String(ahead))
  call.cancel()
  await setting.finish()
})
