import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMesh } from '../../src/index.ts'
import { type Plane, type PlaneOptions, startPlane } from '../../src/plane.ts'
import { type Driven, openLoop } from '../kit/load.ts'
import { folder, held, type MemberProgram, patient, startMember } from '../kit/member.ts'
import type { Cleanup } from '../kit/process.ts'
import { delay, until } from '../kit/wait.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }

async function stage(t: Cleanup, options: PlaneOptions = {}) {
  const plane = await startPlane({ logger: silent, ...options })
  t.after(() => plane.close())
  await patient(plane, 'orders')
  const dir = folder(t)
  const orders = (name: string, port = 0) =>
    startMember(t, {
      service: 'orders',
      token: plane.createToken('orders'),
      stateDir: `${dir}/${name}`,
      port,
    })
  const web = createMesh({ service: 'web', joinToken: plane.createToken('web'), log: 'error', env: {} })
  t.after(() => web.close())
  await web.start()
  const ask = async (number: number): Promise<void> => {
    const answer = await web.fetch(`http://orders.mesh/${number}?ms=20`, {
      method: number % 2 === 0 ? 'GET' : 'POST',
    })
    const { from } = (await answer.json()) as { from: string }
    assert.deepEqual([answer.status, from], [200, 'web'])
  }
  const ready = () =>
    until(
      () =>
        ask(0).then(
          () => true,
          () => false,
        ),
      { what: 'the first answer', withinMs: 10_000 },
    )
  return { plane, orders, web, ask, ready }
}

const places = (plane: Plane): number => Object.keys(held(plane, 'orders')).length
const errorsOf = ({ results }: Driven<void>): string[] =>
  results.filter((each) => 'error' in each).map(({ number, error }) => `${number}: ${error}`)

test('FAULTS 62: ten restarts by SIGTERM under load, strict and by the registry of the plane, lose no call', async (t) => {
  const { plane, orders, web, ask, ready } = await stage(t)
  const instances: MemberProgram[] = await Promise.all(['a', 'b', 'c'].map((name) => orders(name)))
  await ready()
  await until(() => web.describe('orders').endpoints.length === 3, {
    what: 'the caller to know all three',
    withinMs: 15_000,
  })
  let rolling = true
  const loads: Driven<void>[] = []
  const load = (async () => {
    while (rolling) loads.push(await openLoop({ perSecond: 50, forMs: 1000 }, ask))
  })()
  for (let restart = 0; restart < 10; restart++) {
    const at = restart % 3
    const { process, port } = instances[at]!
    assert.equal((await process.kill('SIGTERM')).code, 0)
    await until(() => held(plane, 'orders')[`127.0.0.1:${port}`] === undefined, {
      what: 'it to be out of the registry',
      withinMs: 15_000,
    })
    instances[at] = await orders('abc'[at]!, port)
    await until(() => places(plane) === 3, { what: 'all three to be registered', withinMs: 15_000 })
  }
  rolling = false
  await load
  const calls = loads.reduce((sum, { results }) => sum + results.length, 0)
  t.diagnostic(`10 restarts, ${calls} calls, ${loads.reduce((sum, { failed }) => sum + failed, 0)} failed`)
  assert.deepEqual(loads.flatMap(errorsOf), [])
})

test('FAULTS 63: of an instance that is killed reads find another one, and the registry forgets it', async (t) => {
  const { plane, orders, web, ready } = await stage(t, { instanceTtlMs: 3000 })
  const [first] = await Promise.all([orders('a'), orders('b')])
  await ready()
  const load = openLoop({ perSecond: 50, forMs: 4000 }, async (number) => {
    const answer = await web.fetch(`http://orders.mesh/${number}?ms=20`)
    assert.equal(answer.status, 200)
    await answer.text()
  })
  await delay(500)
  await first.process.kill('SIGKILL')
  const killed = performance.now()
  const { results, ...rest } = await load
  t.diagnostic(`${results.length} calls, ${rest.failed} failed, p99 ${rest.percentile(0.99).toFixed(0)} ms`)
  assert.deepEqual(errorsOf({ results, ...rest }), [])
  await until(() => places(plane) === 1, { what: 'the registry to forget it', withinMs: 6000 })
  t.diagnostic(`the registry forgot it after ${(performance.now() - killed).toFixed(0)} ms`)
})

test('a ban cuts a service off within two seconds, on both sides, and ends with it', async (t) => {
  const { plane, orders, web, ask, ready } = await stage(t)
  const one = await orders('a')
  await web.serve((_req, res) => res.end('fine'), { signals: false, host: '127.0.0.1' })
  await ready()
  await until(async () => (await one.fetch('http://web.mesh/')).status === 200, { what: 'web to be found' })
  await plane.ban('orders', 'its key was stolen')
  const banned = performance.now()
  const refused: string[] = []
  for (const [what, call] of [
    ['calls to it', () => ask(1)],
    [
      'its own calls',
      async () => {
        const said = await one.fetch('http://web.mesh/')
        if (said.status !== 200) throw Object.assign(new Error(said.message), { code: said.code })
      },
    ],
  ] as const) {
    const error = await until(
      () =>
        call().then(
          () => undefined,
          (thrown) => thrown as Error & { code: string },
        ),
      {
        what: `${what} to end`,
        withinMs: 2000,
      },
    )
    refused.push(`${what}: ${error.code} ${error.message}`)
  }
  const cutMs = performance.now() - banned
  t.diagnostic(`cut off after ${cutMs.toFixed(0)} ms; ${refused.join('; ')}`)
  assert.ok(cutMs < 2000)
  assert.match(refused[0]!, /TULLE_PEER.*banned/)
  await delay(300)
  await assert.rejects(ask(1))
  assert.notEqual((await one.fetch('http://web.mesh/')).status, 200)
  await plane.unban('orders')
  await until(
    () =>
      ask(1).then(
        () => true,
        () => false,
      ),
    { what: 'calls to it again', withinMs: 10_000 },
  )
})

test('FAULTS 42: from plaintext to mutual TLS on one port: permissive serves both, strict refuses who is late', async (t) => {
  const { plane, ask, web } = await stage(t)
  const member = (mtls: 'permissive' | 'strict', port = 0) =>
    startMember(t, {
      service: 'orders',
      token: plane.createToken('orders'),
      port,
      env: { TULLE_INBOUND_MTLS: mtls },
    })
  const permissive = await member('permissive')
  await until(
    () =>
      ask(1).then(
        () => true,
        () => false,
      ),
    { what: 'a call by mutual TLS', withinMs: 10_000 },
  )
  const plain = await fetch(`http://127.0.0.1:${permissive.port}/`)
  const told = (await plain.json()) as { from?: string; id?: string }
  assert.deepEqual([plain.status, told.from, told.id], [200, undefined, undefined], 'nobody is believed')
  const [listener] = (await permissive.health()).listeners
  assert.equal(listener?.mtls, 'permissive')
  await permissive.process.kill('SIGTERM')

  const strict = await member('strict', permissive.port)
  const late = await fetch(`http://127.0.0.1:${strict.port}/`)
  assert.deepEqual([late.status, late.headers.get('x-tulle-refused')], [426, 'TULLE_PLAINTEXT_REFUSED'])
  await until(
    () =>
      ask(1).then(
        () => true,
        () => false,
      ),
    { what: 'a call by mutual TLS', withinMs: 10_000 },
  )
  assert.equal(web.health().identity?.from, 'plane')
})
