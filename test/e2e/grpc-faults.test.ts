import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { status } from '@grpc/grpc-js'
import { startFullBacklog } from '../kit/backlog.ts'
import { observe } from '../kit/grpc/observe.ts'
import { type Answer, Pricing } from '../kit/grpc/pricing.ts'
import {
  answerWith,
  dropAfterHeaders,
  frame,
  goawayBelow,
  type RawCall,
  type RawGrpcServer,
  rawGrpcServer,
  reset,
} from '../kit/grpc/raw-server.ts'
import { FREE, startGrpcSetting } from '../kit/grpc/setting.ts'
import { worstOverrun } from '../kit/invariants.ts'
import { closedLoop } from '../kit/load.ts'
import type { Cleanup } from '../kit/process.ts'
import { until } from '../kit/wait.ts'

const { OK, UNAVAILABLE, DEADLINE_EXCEEDED } = status
const INTERNAL_ERROR = 2
const REFUSED_STREAM = 7
const BASE = { outlier: false, balance: 'round-robin', retry: { budget: FREE } } as const
const NO_BUDGET = { ...BASE, retry: { budget: { ratio: '0%', minPerSecond: 0 } } } as const

/** Reads a call whole, which is its execution, and resets the connection instead of answering. */
async function dropping(t: Cleanup) {
  const raw = await rawGrpcServer(t, ({ stream, session }) =>
    stream.resume().on('end', () => (session.socket as Socket).resetAndDestroy()),
  )
  return { also: [raw.address], address: raw.address, executions: (id: string) => executionsOf([raw], id) }
}

const executionsOf = (raws: readonly RawGrpcServer[], id: string): number =>
  raws.flatMap(({ calls }) => calls).filter(({ headers }) => headers['x-request-id'] === id).length

/** Answers a `Quote` well. */
function answered(call: RawCall): void {
  const answer = { id: String(call.headers['x-request-id']) } as Answer
  call.stream
    .resume()
    .on('end', () => answerWith(call, [frame(Pricing.service.Quote.responseSerialize(answer))]))
}

test('FAULTS 2: a repeatable call that was sent whole and reset is answered by another endpoint', async (t) => {
  const setting = await startGrpcSetting(t, { ...(await dropping(t)), pricing: BASE, idempotent: true })
  await closedLoop({ callers: 4, calls: 200 }, () => setting.caller.ask({ answerBytes: 200 }))
  assert.deepEqual(setting.caller.words, [])
  for (const { id } of setting.caller.seen) assert.ok(setting.times(id) <= 2, id)
  t.diagnostic(`${setting.counted.retries} retries, ${setting.counted.transparent} transparent`)
  assert.ok(setting.counted.retries > 20, String(setting.counted.retries))
  await setting.finish()
})

test('FAULTS 3, 58: a call that was sent whole and reset, and may not be repeated, is never sent again', async (t) => {
  const raw = await dropping(t)
  const setting = await startGrpcSetting(t, { ...raw, pricing: BASE })
  await closedLoop({ callers: 8, calls: 2000 }, () => setting.caller.ask({ answerBytes: 200 }))
  const { failures, seen } = setting.caller
  assert.deepEqual(
    seen.filter(({ id }) => setting.times(id) > 1),
    [],
  )
  assert.ok(failures.length > 200, String(failures.length))
  for (const { code, details } of failures) {
    assert.equal(code, UNAVAILABLE, details)
    assert.match(details, new RegExp(raw.address))
  }
  assert.equal(setting.counted.retries, 0)
  t.diagnostic(`${seen.length} calls, ${failures.length} reset, none executed twice`)
  await setting.finish()
})

test('FAULTS 4: a refused connect is tried elsewhere for every call, and costs no budget', async (t) => {
  const setting = await startGrpcSetting(t, { servers: 2, proxied: [0], pricing: NO_BUDGET })
  await setting.proxy.refuse()
  for (let n = 0; n < 40; n++) {
    const { code, details, id } = await setting.caller.ask()
    assert.equal(code, OK, details)
    assert.equal(setting.times(id), 1)
  }
  assert.ok(setting.counted.transparent >= 10, String(setting.counted.transparent))
  assert.equal(setting.counted.retries, 0)
  await setting.finish()
})

test('FAULTS 6: a connection that swallows everything ends calls at their deadline, and is left', async (t) => {
  const setting = await startGrpcSetting(t, {
    servers: 2,
    proxied: [0],
    pricing: {
      balance: 'round-robin',
      retry: false,
      timeout: '400ms',
      outlier: { consecutiveFailures: 2, maxEjectedPercent: 100 },
    },
  })
  for (let n = 0; n < 20; n++) await setting.caller.ask()
  assert.deepEqual(setting.caller.words, [])
  setting.proxy.freeze()
  await closedLoop({ callers: 4, calls: 40 }, () => setting.caller.ask({ timeoutMs: 400 }))
  const { failures } = setting.caller
  assert.ok(failures.length >= 2, String(failures.length))
  for (const { code, details } of failures) assert.equal(code, DEADLINE_EXCEEDED, details)
  t.diagnostic(
    `${failures.length} of 40 calls lost, at most ${worstOverrun(failures).toFixed(0)} ms past 400 ms`,
  )
  assert.equal(setting.counted.ejections, 1)
  assert.ok(failures.length <= 4, String(failures.length))
  await setting.finish()
})

test('FAULTS 7: of a connect that nobody answers the bound of connecting is waited for, not the system’s', async (t) => {
  const hole = await startFullBacklog()
  t.after(() => hole.close())
  const setting = await startGrpcSetting(t, {
    pricing: { ...NO_BUDGET, connect: { timeout: '300ms' } },
    also: [hole.address],
  })
  for (let n = 0; n < 20; n++) {
    const { code, details } = await setting.caller.ask({ timeoutMs: 10_000 })
    assert.equal(code, OK, details)
  }
  const worst = Math.max(...setting.caller.seen.map(({ tookMs }) => tookMs))
  t.diagnostic(`at worst ${worst.toFixed(0)} ms with a bound of 300 ms`)
  assert.ok(worst > 250 && worst < 3000, String(worst))
  await setting.finish()
})

for (const part of ['head', 'body'] as const)
  test(`FAULTS 8: a server that drips its ${part} is left at the deadline`, async (t) => {
    const setting = await startGrpcSetting(t, { proxied: [0], pricing: { outlier: false, retry: false } })
    await setting.caller.ask()
    setting.proxy.drop('fin')
    await until(() => setting.proxy.open === 0, { what: 'the first connection to be gone' })
    const byte = part === 'head' ? 60 : 300
    setting.proxy.plan({ faults: [{ direction: 'response', turn: 'whole', byte, action: 'drip', ms: 100 }] })
    const { code, details } = await setting.caller.ask({ timeoutMs: 500, answerBytes: 5000 })
    assert.equal(code, DEADLINE_EXCEEDED, details)
    t.diagnostic(details)
    await setting.rest()
    await until(
      () => setting.server.ledger.executions.every(({ id, cancelled }) => id.endsWith('-0') || cancelled),
      {
        what: 'the server to hear of it',
        withinMs: 10_000,
      },
    )
    await setting.finish()
  })

test('FAULTS 9: servers that close connections under load cost no call, repeatable or not', async (t) => {
  const raws = await Promise.all([0, 1].map(() => rawGrpcServer(t, answered)))
  const setting = await startGrpcSetting(t, {
    servers: 0,
    pricing: BASE,
    also: raws.map(({ address }) => address),
    executions: (id) => executionsOf(raws, id),
  })
  let closed = 0
  await closedLoop({ callers: 10, calls: 2000 }, async (number) => {
    await setting.caller.ask()
    if (number % 40 !== 0) return
    for (const session of raws[(number / 40) % 2]!.sessions) session.close()
    closed++
  })
  assert.deepEqual(setting.caller.words, [])
  t.diagnostic(
    `${closed} times closed, ${raws[0]!.connections + raws[1]!.connections} connections, ${setting.counted.transparent} transparent, ${setting.counted.retries} retries`,
  )
  assert.ok(raws[0]!.connections + raws[1]!.connections > 20)
  await setting.finish()
})

for (const [name, refuse] of [
  ['REFUSED_STREAM', (call: RawCall) => reset(call, REFUSED_STREAM)],
  ['a GOAWAY that says it was not looked at', goawayBelow],
] as const)
  test(`FAULTS 11: a call that meets ${name} is sent again once without being counted, whatever it is`, async (t) => {
    let refused = 0
    const raw = await rawGrpcServer(t, (call) => {
      if (call.stream.id === 1) return answered(call)
      refused++
      refuse(call)
    })
    const setting = await startGrpcSetting(t, {
      pricing: NO_BUDGET,
      also: [raw.address],
      executions: (id) =>
        raw.calls.filter(({ stream, headers }) => stream.id === 1 && headers['x-request-id'] === id).length,
    })
    for (let n = 0; n < 20; n++) {
      const { code, details, id } = await setting.caller.ask({ timeoutMs: 5000 })
      assert.equal(code, OK, details)
      assert.equal(setting.times(id), 1)
    }
    assert.ok(refused >= 5, String(refused))
    assert.equal(setting.counted.transparent, refused)
    assert.equal(setting.counted.retries, 0)
    await setting.finish()
  })

test('FAULTS 3, 5: after headers nothing is sent again, be it reset or dropped: one error that says so', async (t) => {
  for (const [name, answer] of [
    ['reset', (call: RawCall) => reset(call, INTERNAL_ERROR, { headersFirst: true })],
    ['dropped', dropAfterHeaders],
  ] as const) {
    const breaking = await rawGrpcServer(t, answer)
    const setting = await startGrpcSetting(t, {
      servers: 0,
      pricing: BASE,
      idempotent: true,
      also: [breaking.address],
    })
    const seen = await observe(setting.client, 'quote', { asks: [{ id: name }] })
    assert.ok(seen.error, name)
    t.diagnostic(`${name}: ${seen.error.code} ${seen.error.details}`)
    assert.match(seen.error.details, name === 'reset' ? /RST_STREAM/ : new RegExp(breaking.address), name)
    assert.equal(breaking.calls.length, 1, name)
    await setting.finish()
  }
})

test('FAULTS 16: the deadline wins over retries, and the server hears of it at once', async (t) => {
  const setting = await startGrpcSetting(t, {
    pricing: { ...BASE, retry: { ...BASE.retry, limit: 10, tryTimeout: '150ms' } },
    idempotent: true,
    behaviour: { never: true },
  })
  const late: number[] = []
  for (let n = 0; n < 5; n++) {
    const began = performance.now()
    const { code, details, tookMs } = await setting.caller.ask({ timeoutMs: 500 })
    assert.equal(code, DEADLINE_EXCEEDED, details)
    await until(() => setting.server.ledger.executions.every(({ cancelled }) => cancelled), {
      what: 'every attempt to be cancelled',
      everyMs: 1,
    })
    late.push(tookMs - 500, performance.now() - began - 500)
  }
  t.diagnostic(
    `caller and server at most ${Math.max(...late).toFixed(0)} ms after the deadline; promised: 50`,
  )
  assert.ok(Math.max(...late) < 500, late.join(', '))
  assert.ok(setting.counted.retries >= 5, String(setting.counted.retries))
  // Each attempt was told what was left, never more.
  for (const { deadline } of setting.server.ledger.executions) assert.notEqual(Number(deadline), Infinity)
  await setting.finish()
})

test('FAULTS 51: a message that declares 800 MB, and one that never ends, are cut off at the limit', async (t) => {
  const declared = await rawGrpcServer(t, (call) =>
    answerWith(call, [frame(Buffer.alloc(100), { declared: 800_000_000 })]),
  )
  const endless = await rawGrpcServer(t, ({ stream }) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' })
    stream.write(frame(Buffer.alloc(0), { declared: 4_000_000_000 }))
    const more = (): void => {
      while (!stream.destroyed && stream.write(Buffer.alloc(65_536)));
    }
    stream.on('drain', more)
    more()
  })
  for (const raw of [declared, endless]) {
    const setting = await startGrpcSetting(t, {
      servers: 0,
      pricing: { outlier: false, retry: false },
      also: [raw.address],
    })
    const before = process.memoryUsage.rss()
    const { code, details } = await setting.caller.ask({ timeoutMs: 5000 })
    const grown = process.memoryUsage.rss() - before
    t.diagnostic(`${code} ${details}; resident +${(grown / 1e6).toFixed(1)} MB`)
    assert.equal(code, status.RESOURCE_EXHAUSTED, details)
    assert.match(details, /larger than max|limit/)
    assert.ok(grown < 40_000_000, String(grown))
    await until(() => raw.calls.every(({ stream }) => stream.destroyed), {
      what: 'the stream to be given up',
    })
    await setting.finish()
  }
})
