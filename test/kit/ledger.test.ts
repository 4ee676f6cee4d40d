import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Agent, request } from 'undici'
import { bodyOf } from './behaviour.ts'
import { type Answer, Caller } from './caller.ts'
import { startLedger } from './ledger.ts'
import { siblingOf, startProcess } from './process.ts'
import { until } from './wait.ts'

async function setUp(t: { after(fn: () => unknown): void }) {
  const ledger = await startLedger({ name: 'a' })
  const agent = new Agent({ pipelining: 1 })
  t.after(async () => {
    await agent.destroy()
    await ledger.close()
  })
  const direct = (url: string, options: object) => request(url, { ...options, dispatcher: agent })
  return { ledger, agent, caller: new Caller(direct, `http://${ledger.address}`), direct }
}

test('the ledger counts executions by id and echoes the id it executed', async (t) => {
  const { ledger, caller } = await setUp(t)
  const seen = await caller.ask({ id: 'one', method: 'POST', body: 'hello' })
  await caller.ask({ id: 'one', method: 'POST', body: 'hello' })
  assert.equal(seen.status, 200)
  assert.equal(seen.echoed, 'one')
  assert.equal(ledger.executions('one'), 2)
  assert.deepEqual(ledger.repeated(), ['one'])
  assert.equal(ledger.entries[0]?.received, 5)
  assert.equal(ledger.totals.whole, 2)
})

test('a body of n bytes is the body of its id, and of no other', async (t) => {
  const { caller } = await setUp(t)
  const seen = await caller.ask({ id: 'big', bytes: 100_000, ledger: { bytes: 100_000 } })
  assert.equal(seen.corrupt, false)
  assert.equal(seen.receivedBytes, 100_000)
  assert.notDeepEqual(bodyOf('big', 100), bodyOf('bug', 100))
})

test('a body cut half way is an error, never a shorter body', async (t) => {
  const { caller } = await setUp(t)
  for (const how of ['fin', 'reset']) {
    const seen = await caller.ask({ ledger: { bytes: 1000, cut: { after: 500, how } } })
    assert.equal(seen.complete, false)
    assert.ok(seen.error)
  }
})

test('interim statuses, trailers, other statuses and HEAD arrive as programmed', async (t) => {
  const { ledger, direct } = await setUp(t)
  const interim: number[] = []
  ledger.behave({ informational: [102, 103], trailers: { 'x-sum': '42' }, status: 201 })
  const answer = (await direct(`http://${ledger.address}/`, {
    onInfo: ({ statusCode }: { statusCode: number }) => interim.push(statusCode),
  })) as Answer & { trailers: Record<string, string>; body: { text(): Promise<string> } }
  await answer.body.text()
  assert.equal(answer.statusCode, 201)
  assert.deepEqual(interim, [102, 103])
  assert.equal(answer.trailers['x-sum'], '42')
  const head = await direct(`http://${ledger.address}/`, { method: 'HEAD' })
  assert.equal(head.statusCode, 201)
})

test('a caller that leaves is seen to leave', async (t) => {
  const { ledger, direct } = await setUp(t)
  ledger.behave({ hang: 'head' })
  const abort = new AbortController()
  const pending = direct(`http://${ledger.address}/`, { signal: abort.signal })
  await until(() => ledger.entries.length === 1, { what: 'the request to arrive' })
  abort.abort()
  await assert.rejects(pending)
  await until(() => ledger.entries[0]?.abortedAtMs, { what: 'the ledger to see the abort' })
  assert.equal(ledger.totals.aborted, 1)
})

test('a refusing ledger is reached again at the same port once it is reopened', async (t) => {
  const { ledger, caller } = await setUp(t)
  await ledger.refuse()
  const refused = await caller.ask()
  assert.equal((refused.error as { code?: string }).code, 'ECONNREFUSED')
  await ledger.reopen()
  assert.equal((await caller.ask()).status, 200)
})

test('a ledger of its own process tells its counts over HTTP', async (t) => {
  const child = await startProcess(t, siblingOf(import.meta.url, './ledger-process'), { args: ['far'] })
  const origin = `http://127.0.0.1:${child.ready[1]}`
  const first = await fetch(origin, { method: 'POST', body: 'x', headers: { 'x-request-id': 'p1' } })
  assert.equal(((await first.json()) as { from: string }).from, 'far')
  const counts = (await (await fetch(`${origin}/__ledger`)).json()) as { executions: Record<string, number> }
  assert.deepEqual(counts.executions, { p1: 1 })
  assert.equal((await child.kill()).signal, 'SIGKILL')
})
