import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { test } from 'node:test'
import { createMesh } from '../../src/index.ts'
import { startPlane } from '../../src/plane.ts'
import type { Cleanup } from '../kit/process.ts'
import { get, rawExchange } from '../kit/raw-http.ts'
import { until } from '../kit/wait.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }
const LIES = {
  'x-forwarded-client-cert': 'URI=spiffe://evil/ns/default/dc/dc1/svc/admin',
  'X-Tulle-Peer': 'admin',
  'x-tulle-original-path': '/admin',
  'client-cert': ':aGk=:',
  'Client-Cert-Chain': ':aGk=:',
}

/** Says who asked, as the mesh has it, and every header that came by. */
const tell: RequestListener = (req, res) =>
  res.end(
    JSON.stringify({
      peer: req.mesh?.peer,
      names: [...Object.keys(req.headers), ...req.rawHeaders.filter((_, at) => at % 2 === 0)],
    }),
  )
interface Told {
  readonly peer: {
    readonly id?: string
    readonly service?: string
    readonly address?: string
    readonly public?: true
  }
  readonly names: readonly string[]
}
const demandClean = ({ names }: Told): void =>
  assert.deepEqual(
    names.filter((name) => /^(?:x-tulle|x-forwarded-client|client-cert)/i.test(name)),
    [],
  )

test('FAULTS 46: what a caller says of its identity is dropped before the application, over mutual TLS and at a public door', async (t) => {
  const plane = await startPlane({ logger: silent })
  t.after(() => plane.close())
  const member = (service: string, at: Cleanup) => {
    const mesh = createMesh({ service, joinToken: plane.createToken(service), logger: silent, env: {} })
    at.after(() => mesh.close())
    return mesh
  }
  const [orders, web] = [member('orders', t), member('web', t)]
  const strict = await orders.serve(tell, { host: '127.0.0.1', signals: false })
  const open = await orders.serve(tell, { host: '127.0.0.1', signals: false, mtls: 'disable' })
  await web.start()
  await until(() => plane.services().orders?.length === 1, {
    what: 'the registration of the strict one alone',
  })

  const inside = await until(
    async () => {
      const answer = await web.fetch('http://orders.mesh/', {
        headers: { ...LIES, connection: 'keep-alive, x-tulle-peer' },
      })
      return answer.ok ? ((await answer.json()) as Told) : undefined
    },
    { what: 'an answer', withinMs: 10_000 },
  )
  demandClean(inside)
  assert.equal(inside.peer.service, 'web')
  assert.match(inside.peer.id ?? '', /svc\/web$/)

  const lies = Object.entries(LIES).map(([name, value]) => `${name}: ${value}`)
  const outside = await rawExchange(open.port, get('/', ...lies, 'Connection: close, x-tulle-peer'))
  assert.equal(outside.status, 200)
  const told = JSON.parse(outside.body.toString()) as Told
  demandClean(told)
  assert.deepEqual(told.peer, { address: '127.0.0.1', public: true })

  const refused = await rawExchange(strict.port, get('/', ...lies))
  assert.equal(refused.status, 426)
  assert.match(orders.health().notes.join('\n'), new RegExp(`${open.port} is a public door`))
})
