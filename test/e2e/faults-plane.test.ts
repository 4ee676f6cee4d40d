import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import { createMesh, type Mesh, type MeshOptions } from '../../src/index.ts'
import { startPlane } from '../../src/plane.ts'
import { type Madness, madPlane } from '../kit/mad-plane.ts'
import { planeClient } from '../kit/plane-client.ts'
import type { Cleanup } from '../kit/process.ts'
import { serveHttps } from '../kit/tls-server.ts'
import { delay, until } from '../kit/wait.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }
const document = (timeout: string) => `version: 1\nservices:\n  orders:\n    timeout: ${timeout}\n`
const named = (timeout: string) => [{ name: 'orders.yaml', text: document(timeout) }]

function member(t: Cleanup, joinToken: string, options: MeshOptions = {}): Mesh {
  const mesh = createMesh({ service: 'web', joinToken, logger: silent, env: {}, ...options })
  t.after(() => mesh.close())
  return mesh
}

const sequenceOf = (mesh: Mesh): number | undefined => mesh.health().plane?.policy?.sequence

/** The ways in which a plane can be wrong about everything it tells, while its certificate is right. */
const mad =
  (answer: (response: ServerResponse) => void): Madness =>
  (request, response) => {
    if (request.url === '/v1/svid') return false
    answer(response)
    return true
  }
const says = (type: string, body: string, etag = '"x"') =>
  mad((response) => response.writeHead(200, { 'content-type': type, etag }).end(body))
const json = 'application/json'

const MODES: Readonly<Record<string, Madness>> = {
  'not JSON': says('text/html', '<html>'),
  truncated: says(json, '{"sequence":9,"docum'),
  'wrong types': says(json, '{"sequence":"9","documents":{},"services":[],"known":3,"bundle":[],"denied":0}'),
  'a port of 70000': says(
    json,
    '{"services":{"orders":[{"address":"127.0.0.1","port":70000}]},"known":["orders"]}',
  ),
  'a prototype': says(json, '{"__proto__":{"sequence":9},"constructor":null}'),
  null: says(json, 'null'),
  'another tag each time, at once': mad((response) =>
    response
      .writeHead(200, { 'content-type': json, etag: `"${Math.random()}"` })
      .end('{"sequence":1,"documents":[]}'),
  ),
  'unchanged, at once': mad((response) => response.writeHead(304).end()),
  'an older policy': says(json, JSON.stringify({ sequence: 0, documents: [] })),
  500: mad((response) => response.writeHead(500).end()),
  429: mad((response) => response.writeHead(429, { 'retry-after': '0' }).end()),
  reset: mad((response) => response.destroy()),
  'a body that breaks off': mad((response) => {
    response.writeHead(200, { 'content-type': json }).write('{')
    setTimeout(() => response.destroy(), 300)
  }),
}
const MAD_MS = 3000

async function survives(t: Cleanup, name: string, madness: Madness): Promise<void> {
  const plane = await madPlane(t)
  const upstream = await serveHttps(
    { svid: plane.fake.ca.issue({ service: 'orders' }), ca: plane.fake.ca },
    (_request, response) => response.end('fine'),
  )
  t.after(() => upstream.close())
  const port = Number(upstream.address.split(':')[1])
  plane.endpoints = { orders: [{ address: '127.0.0.1', port }] }
  plane.policy = { sequence: 1, documents: named('2s') }
  const mesh = member(t, plane.token('web'))
  await mesh.start()
  const call = async (): Promise<void> =>
    assert.equal(await (await mesh.fetch('http://orders.mesh/')).text(), 'fine', name)
  await call()
  await until(() => plane.asked.filter((path) => /trust|policy|endpoints/.test(path)).length >= 5, {
    what: 'three polls that wait',
  })
  plane.madness = madness
  const before = plane.asked.length
  plane.changed()
  const began = performance.now()
  while (performance.now() - began < MAD_MS) {
    await call()
    await delay(20)
  }
  const { plane: seen, policy } = mesh.health()
  assert.deepEqual([seen?.policy?.sequence, policy.refused], [1, []], name)
  const asked = plane.asked.length - before
  // Three watches, each with a burst of two and then one a second at most.
  assert.ok(asked >= 3 && asked <= 3 * (2 + MAD_MS / 1000) + 3, `${name}: ${asked} requests`)
  plane.madness = () => false
  plane.policy = { sequence: 2, documents: named('3s') }
  plane.changed()
  await until(() => sequenceOf(mesh) === 2 && mesh.health().ok, {
    what: `the plane to be heard again after ${name}`,
    withinMs: 90_000,
    everyMs: 50,
    seen: () => mesh.health().degraded,
  })
  await call()
}

test('FAULTS 21, 22, 26, 27: a plane gone mad takes nothing away, is not hammered, and is heard again when it is well', async (t) => {
  await Promise.all(Object.entries(MODES).map(([name, madness]) => survives(t, name, madness)))
})

test('FAULTS 32, incident 20: a field that this version does not know refuses its document whole, and the plane is told', async (t) => {
  const plane = await madPlane(t)
  plane.policy = { sequence: 1, documents: named('2s') }
  const mesh = member(t, plane.token('web'))
  await mesh.start()
  const { version } = mesh.health().policy
  for (const unknown of ['    quota: 5\n', '    retry:\n      jitterKind: none\n', '    timeout: 9s\n']) {
    plane.policy = {
      sequence: plane.policy.sequence + 1,
      documents: [{ name: 'orders.yaml', text: `${document('9s')}${unknown}` }],
    }
    plane.changed()
    await until(() => plane.acks.at(-1)?.sequence === plane.policy.sequence, { what: 'the acknowledgement' })
    assert.equal(plane.acks.at(-1)?.refused.length, 1)
    assert.match(plane.acks.at(-1)?.refused[0] ?? '', /orders\.yaml/)
    const { policy, ok, degraded } = mesh.health()
    assert.deepEqual([policy.version, ok], [version, false], 'the last good document, whole')
    assert.match(degraded.join('\n'), /orders\.yaml/)
  }
})

test('FAULTS 32: an invalid policy that is pushed is answered 422, and nobody ever runs it', async (t) => {
  const plane = await startPlane({ logger: silent })
  t.after(() => plane.close())
  const admin = planeClient(t, plane)
  const push = (text: string) =>
    admin.ask('/v1/policy', {
      method: 'POST',
      token: plane.adminToken,
      body: { documents: [{ name: 'orders.yaml', text }] },
    })
  assert.equal((await push(document('2s'))).status, 200)
  const mesh = member(t, plane.createToken('web'))
  await mesh.start()
  const { version } = mesh.health().policy
  const bad = [
    document('soon'),
    `${document('2s')}    quota: 5\n`,
    '{',
    'version: 2\n',
    `${document('2s')}${document('3s')}`,
  ]
  for (const text of bad) {
    const { status, body } = await push(text)
    assert.equal(status, 422, text)
    assert.equal(body.problems[0].file, 'orders.yaml')
  }
  assert.equal((await push(document('3s'))).body.sequence, 2, 'refused versions have no number')
  await until(() => sequenceOf(mesh) === 2, { what: 'the good version' })
  assert.notEqual(mesh.health().policy.version, version)
  await until(() => plane.subscribers()[0]?.sequence === 2, { what: 'the acknowledgement' })
  assert.deepEqual(plane.subscribers()[0]?.refused, [])
})
