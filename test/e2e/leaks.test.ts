import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { createMesh } from '../../src/index.ts'
import { activeResources, leftOver, watchProcess } from '../kit/invariants.ts'
import { closedLoop } from '../kit/load.ts'
import { seeded } from '../kit/random.ts'
import { startSetting } from '../kit/setting.ts'
import { until } from '../kit/wait.ts'

test('FAULTS 65: callers that leave at any moment release everything exactly once', async (t) => {
  const setting = await startSetting(t, {
    upstreams: 2,
    orders: {
      limit: { inFlight: 16, queue: 64 },
      breaker: {},
      retry: { budget: { ratio: '100%', minPerSecond: 1000 } },
    },
  })
  const random = seeded(65)
  for (const ledger of setting.ledgers)
    ledger.behave(() => {
      const dice = random()
      if (dice < 0.2) return { status: 503 }
      return { delayMs: Math.floor(random() * 4), bytes: 200_000 }
    })
  const calls = 1200
  const left: Record<string, number> = {}
  const { results } = await closedLoop({ callers: 20, calls }, async (number) => {
    const abort = new AbortController()
    const reason = new Error(`left ${number}`)
    const id = `a${number}`
    const post = number % 3 === 0
    const moment = MOMENTS[number % MOMENTS.length] as Moment
    const leave = (): void => abort.abort(reason)
    if (moment === 'before') leave()
    const asked = setting.mesh.request('http://orders.mesh/', {
      method: post ? 'POST' : 'GET',
      ...(post ? { body: 'x'.repeat(number % 5000) } : {}),
      headers: { 'x-request-id': id },
      signal: abort.signal,
    })
    if (typeof moment === 'number') void steps(moment).then(leave)
    if (moment === 'turn') setImmediate(leave)
    if (moment === 'arrival') void until(() => setting.executions(id) > 0, { what: id }).then(leave, leave)
    try {
      const { body } = await asked
      if (moment === 'head') leave()
      for await (const _ of body) if (moment === 'body') leave()
    } catch (error) {
      left[moment] = (left[moment] ?? 0) + 1
      assert.equal(error, reason)
    }
  })
  const wrong = results.filter((result) => 'error' in result).map(({ error }) => String(error))
  assert.deepEqual(wrong, [])
  t.diagnostic(`${calls} calls, left: ${JSON.stringify(left)}`)
  for (const moment of MOMENTS)
    if (moment !== 'never') assert.ok((left[moment] ?? 0) > calls / MOMENTS.length / 2, `left at ${moment}`)
  await until(() => setting.inFlight() === 0, { what: 'nothing in flight', seen: setting.inFlight })
  assert.deepEqual(
    setting.ledgers.flatMap((ledger) => ledger.repeated()).filter((id) => Number(id.slice(1)) % 3 === 0),
    [],
  )
  for (const ledger of setting.ledgers) ledger.behave({})
  // Had one permit been lost per leak, sixteen would have closed the door.
  await closedLoop({ callers: 16, calls: 100 }, async () => {
    const { statusCode, body } = await setting.mesh.request('http://orders.mesh/')
    await body.dump()
    assert.equal(statusCode, 200)
  }).then(({ results }) => assert.deepEqual(results.filter((result) => 'error' in result).map(String), []))
  await setting.finish()
})

type Moment = number | 'before' | 'turn' | 'arrival' | 'head' | 'body' | 'never'

/** When a caller leaves: before it asks, some microtasks later, a turn of the loop later, and as things happen. */
const MOMENTS: readonly Moment[] = [
  'before',
  1,
  2,
  3,
  5,
  8,
  'turn',
  'arrival',
  'head',
  'body',
  'never',
  'never',
]

async function steps(count: number): Promise<void> {
  for (let n = 0; n < count; n++) await undefined
}

test('FAULTS 64: handlers that throw or never answer leave nothing behind', async (t) => {
  const caught = watchProcess()
  const mesh = createMesh({ service: 'orders', log: 'error', logger: silent(), env: {} })
  t.after(() => mesh.close())
  await mesh.start()
  const never = new Set<ServerResponse>()
  const app = (request: IncomingMessage, response: ServerResponse): void | Promise<void> => {
    if (request.url === '/throw') throw new Error('the application')
    if (request.url === '/reject') return Promise.reject(new Error('the application, later'))
    if (request.url === '/never') return void never.add(response)
    if (request.url === '/half') return void response.write('half')
    response.end('fine')
  }
  const server = await mesh.serve(app, { port: 0, signals: false })
  const { port } = server.address() as AddressInfo
  const setting = await startSetting(t, {
    upstreams: 0,
    also: [`127.0.0.1:${port}`],
    orders: { outlier: false, retry: false },
  })
  await closedLoop({ callers: 32, calls: 800 }, async (number) => {
    const path = ['/throw', '/reject', '/never', '/half', '/fine'][number % 5] as string
    await setting.caller.ask({ path, timeoutMs: 300 })
  })
  const byPath = (path: string) => setting.counted.calls.filter((call) => call.path === path)
  assert.equal(byPath('/throw').length, 160)
  const statuses = new Set(byPath('/throw').map(({ outcome }) => outcome.code))
  // On a slow machine a deadline may come first, which is no answer at all.
  assert.deepEqual(
    [...statuses].filter((status) => status !== undefined),
    [500],
  )
  await until(() => [...never].every((response) => response.destroyed || response.closed), {
    what: 'the server to notice that nobody waits',
  })
  const good = await setting.caller.ask({ path: '/fine' })
  assert.equal(good.status, 200)
  await setting.finish()
  const closed = performance.now()
  await mesh.close()
  t.diagnostic(
    `closed in ${(performance.now() - closed).toFixed(0)} ms, ${never.size} handlers never answered`,
  )
  assert.deepEqual(caught(), [])
})

test('(iv) a mesh that was used and closed leaves no socket, listener or timer', async (t) => {
  const before = activeResources()
  const setting = await startSetting(t, { upstreams: 2, orders: { breaker: {}, timeout: '5s' } })
  await closedLoop({ callers: 8, calls: 200 }, () => setting.caller.ask({ ledger: { bytes: 10_000 } }))
  await setting.finish()
  for (const ledger of setting.ledgers) await ledger.close()
  await until(() => leftOver(before).length === 0, {
    what: 'everything to be released',
    seen: () => leftOver(before),
  })
})

function silent() {
  return { debug() {}, info() {}, warn() {}, error() {} }
}
