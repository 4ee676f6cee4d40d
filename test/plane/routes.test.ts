import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join as joinPath } from 'node:path'
import { test } from 'node:test'
import type { Dispatcher } from 'undici'
import { readDocument } from '../../src/control/document.ts'
import { openPlane } from '../../src/plane/open.ts'
import { startPlane } from '../../src/plane.ts'
import { systemClock, systemWall } from '../../src/platform/clock.ts'
import { systemRandom } from '../../src/platform/random.ts'
import { join, member, planeClient } from '../kit/plane-client.ts'
import type { Cleanup } from '../kit/process.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }

const WHO = [
  'nobody',
  'wrong token',
  'stranger',
  'join token',
  'member',
  'admin token',
  'admin service',
] as const
type Who = (typeof WHO)[number]

const EVERYBODY: readonly Who[] = WHO
/** A stranger's certificate or a wrong token is a proof that fails, also where none is asked for. */
const JOINING: readonly Who[] = ['join token', 'member', 'admin service']
const SERVICES: readonly Who[] = ['member', 'admin service']
const MEMBERS: readonly Who[] = ['member', 'admin token', 'admin service']
const ADMINS: readonly Who[] = ['admin token', 'admin service']

/** The decision about every route there is: a new one is not registered without one. */
const DECIDED: Readonly<Record<string, readonly Who[]>> = {
  'GET /livez': EVERYBODY,
  'GET /readyz': EVERYBODY,
  'GET /v1/info': EVERYBODY,
  'GET /v1/trust': EVERYBODY,
  'POST /v1/svid': JOINING,
  'PUT /v1/instances/:instance': SERVICES,
  'POST /v1/instances/:instance/heartbeat': SERVICES,
  'DELETE /v1/instances/:instance': MEMBERS,
  'GET /v1/endpoints': MEMBERS,
  'GET /v1/policy': MEMBERS,
  'POST /v1/acks': SERVICES,
  'POST /v1/policy': ADMINS,
  'POST /v1/policy/rollback': ADMINS,
  'GET /v1/policy/versions': ADMINS,
  'GET /v1/policy/versions/:sequence': ADMINS,
  'GET /v1/subscribers': ADMINS,
  'GET /v1/services': ADMINS,
  'GET /v1/audit': ADMINS,
  'POST /v1/tokens': ADMINS,
  'GET /v1/tokens': ADMINS,
  'DELETE /v1/tokens/:id': ADMINS,
  'GET /v1/bans': ADMINS,
  'PUT /v1/bans/:service': ADMINS,
  'DELETE /v1/bans/:service': ADMINS,
  'GET /v1/ca': ADMINS,
  'POST /v1/ca/rotate': ADMINS,
  'POST /v1/ca/retire': ADMINS,
}

/** From the tree that the router prints: four columns a level. */
function routesOf(tree: string): string[] {
  const above: string[] = []
  return tree.split('\n').flatMap((line) => {
    const [, indent, part = '', methods] = /^([│ ]*)[├└]── (.*?)(?: \(([A-Z, ]+)\))?$/.exec(line) ?? []
    if (indent === undefined) return []
    const depth = indent.length / 4
    above.length = depth
    above[depth] = part
    const path = above.join('')
    return (methods ?? '').split(', ').flatMap((method) => (method === '' ? [] : [`${method} ${path}`]))
  })
}

test('incident 41: whether a proof is asked for was decided for every route of the plane', async (t) => {
  const directory = mkdtempSync(joinPath(tmpdir(), 'tulle-routes-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const opened = await openPlane({
    directory,
    clock: systemClock,
    wall: systemWall,
    random: systemRandom,
    log: silent,
    readYaml: readDocument,
    dev: false,
    admins: [],
    policyHosts: [],
    version: '0',
    urls: () => ['https://127.0.0.1:1'],
  })
  t.after(() => opened.close())
  const { app } = opened.server
  await app.ready()
  const routes = routesOf(app.printRoutes({ commonPrefix: false }))
  assert.deepEqual(routes.sort(), Object.keys(DECIDED).sort())
})

async function callers(t: Cleanup) {
  const plane = await startPlane({ logger: silent, admins: ['ops'] })
  const other = await startPlane({ logger: silent, trustDomain: plane.trustDomain })
  t.after(() => Promise.all([plane.close(), other.close()]))
  const bare = planeClient(t, plane)
  const with_ = (token: string | undefined) => ({ client: bare, token })
  const who: Record<Who, { client: typeof bare; token: string | undefined }> = {
    nobody: with_(undefined),
    'wrong token': with_(other.adminToken),
    stranger: { client: planeClient(t, plane, await join(t, other, 'ops')), token: undefined },
    'join token': with_(plane.createToken('orders')),
    member: { client: await member(t, plane, 'orders'), token: undefined },
    'admin token': with_(plane.adminToken),
    'admin service': { client: await member(t, plane, 'ops'), token: undefined },
  }
  return { plane, who }
}

test('incident 41: every route answers whom it is for, and refuses everybody else before it reads what they sent', async (t) => {
  const { plane, who } = await callers(t)
  for (const [route, allowed] of Object.entries(DECIDED)) {
    const [method, path = ''] = route.split(' ') as [Dispatcher.HttpMethod, string]
    for (const name of WHO) {
      const { client, token } = who[name]
      // Nothing a route could accept, and nothing JSON: who gets past the door hears so.
      const body = method === 'GET' ? {} : { body: '{' }
      const { status } = await client.ask(path.replace(/:\w+/, '1'), { method, token, ...body })
      const refused = status === 401 || status === 403 || status === 429
      assert.equal(refused, !allowed.includes(name), `${route} for ${name}: ${status}`)
    }
  }
  assert.deepEqual(plane.services(), {})
  const { client, token } = who['admin token']
  const { entries } = (await client.ask('/v1/audit?limit=1000', { token })).body
  const kept = (entries as { status: number; caller: string }[]).filter(({ status }) => status === 403)
  assert.ok(
    kept.some(({ caller }) => caller.endsWith('/svc/orders')),
    'refusals are written down',
  )
})

test('a path that is spelled otherwise is another path, and leads nowhere', async (t) => {
  const { who } = await callers(t)
  const { client, token } = who['join token']
  for (const path of [
    '//v1/policy/versions',
    '/v1//policy/versions',
    '/v1/policy/versions/',
    '/V1/policy/versions',
    '/v1/policy%2fversions',
    '/v1/trust/../policy/versions',
    '/v1/trust;/../ca',
    '/v1/trust%2f..%2fca',
    '/v1/instances/..%2f..%2fca',
  ]) {
    const { status } = await client.ask(path, { token })
    assert.ok(status === 404 || status === 403 || status === 400, `${path}: ${status}`)
  }
  for (const method of ['HEAD', 'OPTIONS', 'PATCH', 'TRACE'] as Dispatcher.HttpMethod[])
    assert.equal((await client.ask('/v1/ca', { method, token })).status, 404, method)
})
