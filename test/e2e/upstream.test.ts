import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMeshError } from '../../src/core/errors.ts'
import { codeOf } from '../kit/caller.ts'
import type { Fault } from '../kit/fault-proxy.ts'
import { closedLoop } from '../kit/load.ts'
import { seeded } from '../kit/random.ts'
import { startSetting } from '../kit/setting.ts'
import { until } from '../kit/wait.ts'

/** Retries limited by their number alone. */
const FREE = { ratio: '100%', minPerSecond: 1000 }

for (const chunked of [false, true]) {
  const kind = chunked ? 'chunked' : 'content-length'
  test(`FAULTS 1: an answer cut at any byte is an error, never a shorter answer, and never retried once begun (${kind})`, async (t) => {
    const setting = await startSetting(t, {
      proxied: [0],
      orders: { outlier: false, retry: { budget: FREE } },
    })
    const whole = 700
    setting.proxy.plan((connection) => ({
      faults: [
        { direction: 'response', byte: connection % whole, action: connection % 2 === 0 ? 'fin' : 'reset' },
      ],
    }))
    await closedLoop({ callers: 8, calls: whole }, () =>
      setting.caller.ask({ bytes: 400, ledger: { bytes: 400, chunked } }),
    )
    const begun = setting.caller.seen.filter(({ status }) => status !== undefined)
    const broken = begun.filter(({ complete }) => !complete)
    for (const { id } of broken) {
      const last = setting.executions(id)
      assert.ok(last <= 3, `${id} was executed ${last} times`)
    }
    assert.ok(broken.length > 100, `the cuts struck: ${broken.length}`)
    t.diagnostic(`${begun.length} answers begun, ${broken.length} of them broke off and said so`)
    await setting.finish()
  })
}

test('FAULTS 1: a megabyte cut at any place is an error, and the body ends with it exactly once', async (t) => {
  const setting = await startSetting(t, { proxied: [0], orders: { outlier: false, retry: { budget: FREE } } })
  const random = seeded(1)
  setting.proxy.plan(() => ({
    faults: [{ direction: 'response', byte: 500 + Math.floor(random() * 1_000_000), action: 'reset' }],
  }))
  const bytes = 1_000_000
  for (let n = 0; n < 60; n++) {
    const seen = await setting.caller.ask({ bytes, ledger: { bytes } })
    assert.equal(seen.status, 200)
    assert.equal(setting.executions(seen.id), 1)
  }
  const broken = setting.caller.seen.filter(({ complete }) => !complete)
  assert.ok(broken.length >= 55, String(broken.length))
  assert.ok(broken.every(({ error }) => isMeshError(error)))
  await setting.finish()
})

test('FAULTS 1: an answer that only the end of its connection would end is an error where that end is a reset', async (t) => {
  const setting = await startSetting(t, { orders: { outlier: false } })
  const bytes = 50_000
  const whole = await setting.caller.ask({ bytes, ledger: { bytes, unframed: true } })
  assert.equal(whole.receivedBytes, bytes, String(whole.error))
  for (let after = 1; after < bytes; after += 2500) {
    const seen = await setting.caller.ask({
      bytes,
      ledger: { bytes, unframed: true, cut: { after, how: 'reset' } },
    })
    assert.equal(seen.complete, false, `${after} bytes were taken for the whole`)
    if (seen.status !== undefined) assert.equal(setting.executions(seen.id), 1)
  }
  await setting.finish()
})

/** Every answer of the first endpoint is a reset after the request was executed there. */
const RESET_BEFORE_ANSWER: Fault = { direction: 'response', byte: 0, action: 'reset' }

test('FAULTS 2: a GET that was sent whole and reset is answered by another endpoint', async (t) => {
  const setting = await startSetting(t, {
    upstreams: 2,
    proxied: [0],
    orders: { outlier: false, balance: 'round-robin', retry: { budget: FREE } },
  })
  setting.proxy.plan({ faults: [RESET_BEFORE_ANSWER] })
  await closedLoop({ callers: 4, calls: 200 }, () => setting.caller.ask())
  assert.deepEqual(setting.caller.failures, [])
  for (const { id } of setting.caller.seen) assert.ok(setting.executions(id) <= 2)
  assert.ok(setting.counted.retries > 50, String(setting.counted.retries))
  await setting.finish()
})

test('FAULTS 3: a POST that was sent whole and reset is never sent again', async (t) => {
  const setting = await startSetting(t, {
    upstreams: 2,
    proxied: [0],
    orders: { outlier: false, balance: 'round-robin', retry: { budget: FREE } },
  })
  setting.proxy.plan({ faults: [RESET_BEFORE_ANSWER] })
  const calls = 2000
  await closedLoop({ callers: 8, calls }, () => setting.caller.ask({ method: 'POST', body: 'buy one' }))
  const repeated = setting.caller.seen.filter(({ id }) => setting.executions(id) !== 1)
  assert.deepEqual(repeated, [])
  const errors = setting.caller.failures
  assert.ok(errors.length > calls / 4, String(errors.length))
  assert.ok(errors.every(({ error }) => codeOf(error) === 'TULLE_RESET'))
  assert.equal(setting.counted.retries, 0)
  t.diagnostic(`${calls} POSTs, ${errors.length} reset after execution, each executed once`)
  await setting.finish()
})

test('FAULTS 4: a refused connect is retried elsewhere for every method, and costs no budget', async (t) => {
  const setting = await startSetting(t, {
    upstreams: 2,
    orders: { outlier: false, balance: 'round-robin', retry: { budget: { ratio: '0%', minPerSecond: 0 } } },
  })
  await setting.ledgers[0]?.refuse()
  for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH'])
    for (let n = 0; n < 20; n++) {
      const seen = await setting.caller.ask(method === 'GET' ? {} : { method, body: 'x' })
      assert.equal(seen.status, 200, `${method}: ${codeOf(seen.error)}`)
      assert.equal(setting.executions(seen.id), 1)
    }
  assert.ok(setting.counted.transparent >= 40, String(setting.counted.transparent))
  assert.equal(setting.counted.retries, 0)
  await setting.finish()
})

test('FAULTS 5: a stream too long to keep is read once, and its failure is an error', async (t) => {
  const setting = await startSetting(t, {
    upstreams: 2,
    proxied: [0, 1],
    orders: { outlier: false, retry: { budget: FREE } },
  })
  for (const proxy of setting.proxies)
    proxy.plan({ faults: [{ direction: 'request', byte: 150_000, action: 'reset' }] })
  for (let n = 0; n < 10; n++) {
    let begun = 0
    let pieces = 0
    const body = {
      async *[Symbol.asyncIterator]() {
        begun++
        for (; pieces < 64; pieces++) yield Buffer.alloc(4096, 'x')
      },
    }
    const seen = await setting.caller.ask({ method: 'PUT', body, mesh: { idempotent: true } })
    assert.ok(isMeshError(seen.error), String(seen.error))
    assert.equal(begun, 1)
    assert.ok(setting.executions(seen.id) <= 1)
  }
  await setting.finish()
})

test('FAULTS 5: a failure before a stream is touched, and one within what is kept, are retried', async (t) => {
  const setting = await startSetting(t, {
    upstreams: 2,
    proxied: [0],
    orders: { outlier: false, balance: 'round-robin', retry: { budget: FREE } },
  })
  setting.proxy.plan({ faults: [{ direction: 'request', byte: 2000, action: 'reset' }] })
  for (let n = 0; n < 10; n++) {
    let begun = 0
    const body = {
      async *[Symbol.asyncIterator]() {
        begun++
        for (let piece = 0; piece < 8; piece++) yield Buffer.alloc(1024, String(piece))
      },
    }
    const seen = await setting.caller.ask({ method: 'PUT', body })
    assert.equal(seen.status, 200, String(seen.error))
    assert.equal(begun, 1)
  }
  assert.ok(setting.ledgers[1]?.entries.every(({ received }) => received === 8192))
  await setting.finish()
})

test('FAULTS 8: a server that drips its head, and one that drips its body, are left at the deadline', async (t) => {
  const setting = await startSetting(t)
  for (const part of ['head', 'body']) {
    const seen = await setting.caller.ask({ timeoutMs: 300, ledger: { drip: { part, everyMs: 40 } } })
    assert.equal(codeOf(seen.error), 'TULLE_DEADLINE', part)
    t.diagnostic(`${part}: ${seen.tookMs.toFixed(0)} ms of 300`)
    await until(() => setting.inFlight() === 0, { what: 'the slot to be released' })
  }
  await until(() => setting.ledger.totals.aborted === 2, { what: 'the server to be left' })
  await setting.finish()
})

test("FAULTS 8: the caller's own headersTimeout and bodyTimeout each fire", async (t) => {
  const setting = await startSetting(t, { orders: { retry: false } })
  for (const [hang, limits] of [
    ['head', { headersTimeout: 200 }],
    ['body', { bodyTimeout: 200 }],
  ] as const) {
    const seen = await setting.caller.ask({ ledger: { hang }, ...limits })
    assert.ok(seen.error, hang)
    assert.ok(seen.tookMs < 5000, `${hang}: ${seen.tookMs}`)
    t.diagnostic(`${hang}: ${codeOf(seen.error)} after ${seen.tookMs.toFixed(0)} ms of 200`)
  }
  await setting.finish()
})

test('FAULTS 9: a server that closes connections as they are reused costs no GET, and no POST is executed twice', async (t) => {
  const setting = await startSetting(t, { upstreams: 2, orders: { outlier: false } })
  const random = seeded(9)
  for (const ledger of setting.ledgers)
    ledger.behave(() => (random() < 0.1 ? { closeAfterMs: Math.floor(random() * 3) } : {}))
  const calls = 4000
  await closedLoop({ callers: 4, calls }, (number) =>
    setting.caller.ask(number % 4 === 3 ? { method: 'POST', body: 'x' } : {}),
  )
  const failed = setting.caller.failures
  assert.deepEqual(
    failed.filter(({ idempotent }) => idempotent).map(({ error }) => String(error)),
    [],
  )
  const { retries, transparent } = setting.counted
  t.diagnostic(
    `${calls} calls: ${retries} retries, ${transparent} transparent, ${failed.length} POSTs failed, none twice`,
  )
  await setting.finish()
})

test('FAULTS 9: a reused connection that is reset before a byte of the answer is replaced for a GET', async (t) => {
  const setting = await startSetting(t, { proxied: [0], orders: { outlier: false } })
  setting.proxy.plan((connection) => ({
    faults: [{ direction: 'request', turn: 1 + (connection % 3), byte: 0, action: 'reset' }],
  }))
  for (let n = 0; n < 30; n++) await setting.caller.ask()
  assert.deepEqual(setting.caller.failures, [])
  assert.ok(setting.proxy.counters.faulted >= 5, String(setting.proxy.counters.faulted))
  await setting.finish()
})

test('FAULTS 10: an unasked answer on an idle connection is nobody’s answer', async (t) => {
  const setting = await startSetting(t)
  for (let n = 0; n < 200; n++) {
    const seen = await setting.caller.ask({ ledger: { extra: true } })
    assert.equal(seen.echoed ?? seen.id, seen.id)
  }
  assert.ok(!setting.caller.seen.some(({ echoed }) => echoed === 'unasked'))
  assert.deepEqual(
    setting.caller.failures.map(({ error }) => String(error)),
    [],
  )
  assert.ok(setting.ledger.totals.connections > 100, 'a connection that spoke out of turn is not used again')
  await setting.finish()
})
