import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { client, meshOf, serve } from '../../src/grpc/index.ts'
import { createMesh } from '../../src/index.ts'
import { startPlane } from '../../src/plane.ts'
import { TestCa } from '../kit/certificates.ts'
import { identified } from '../kit/grpc/identified.ts'
import { closing, quote } from '../kit/grpc/observe.ts'
import { type Answer, Pricing } from '../kit/grpc/pricing.ts'
import { PricingCaller } from '../kit/grpc/pricing-caller.ts'
import { pricingGrpc } from '../kit/grpc/pricing-server.ts'
import { PricingService } from '../kit/grpc/pricing-service.ts'
import { openLoop } from '../kit/load.ts'
import { patient } from '../kit/member.ts'
import { until } from '../kit/wait.ts'

const LIFETIME_MS = 8000
const FOR_MS = 26_000
const LONG_LIVED = { host: '127.0.0.1', signals: false } as const

test('FAULTS 36: certificates of 8 s are replaced under load, on both sides, and neither a call nor a long stream fails', async (t) => {
  const plane = await startPlane({ svidTtlMs: LIFETIME_MS })
  t.after(() => plane.close())
  await patient(plane, 'pricing')
  const member = (service: string) => {
    const joinToken = plane.createToken(service)
    const mesh = createMesh({ service, joinToken, env: {}, log: 'error', drainDelay: 0 })
    t.after(() => mesh.close())
    return mesh
  }
  const peers = new Set<string | undefined>()
  const servers = [member('pricing'), member('pricing')]
  for (const mesh of servers) {
    const service = new PricingService((execution) => {
      peers.add(meshOf(execution)?.peer.service)
      return execution.method === 'watch' ? { everyMs: 250 } : { delayMs: 5 }
    })
    t.after(() => service.close())
    await serve(mesh, pricingGrpc(service), LONG_LIVED)
  }
  const web = member('web')
  await web.start()
  const pricing = closing(t, client(web, Pricing, 'pricing'))
  const caller = new PricingCaller(pricing, false)
  await until(async () => (await caller.ask({ timeoutMs: 2000 })).code === 0, {
    what: 'pricing',
    withinMs: 10_000,
  })
  caller.seen.length = 0

  /** By the end of the certificate, which every one has of its own. */
  const generations = [web, ...servers].map(() => new Set<number>())
  const looking = setInterval(() => {
    for (const [n, mesh] of [web, ...servers].entries())
      generations[n]!.add(mesh.health().identity!.notAfterMs!)
  }, 100)
  t.after(() => clearInterval(looking))
  const answers: number[] = []
  const count = Math.floor(FOR_MS / 250) - 4
  const long = new Promise<void>((resolve, reject) => {
    const stream = pricing.watch({ id: 'long', count })
    stream.on('data', ({ index }: Answer) => answers.push(index))
    stream.on('error', reject)
    stream.on('end', resolve)
  })
  long.catch(() => {})
  await openLoop({ perSecond: 50, forMs: FOR_MS }, () => caller.ask({ timeoutMs: 10_000 }))
  await long
  clearInterval(looking)
  const counts = generations.map(({ size }) => size)
  t.diagnostic(
    `${caller.seen.length} calls, ${caller.failures.length} failed, ${answers.length} answers of one stream; certificates: ${counts.join(', ')}`,
  )
  assert.deepEqual(caller.words, [])
  assert.deepEqual(answers, [...Array(count).keys()])
  assert.deepEqual([...peers], ['web'])
  // Each lives for at most 70 % of 8 s.
  for (const size of counts) assert.ok(size >= 4, `${size} certificates`)
})

test('FAULTS 41: a certificate file that is half written never takes the place of a good pair', async (t) => {
  const ca = TestCa.create()
  const server = identified(t, ca, 'pricing')
  const service = new PricingService()
  const { port } = await serve(server.mesh, pricingGrpc(service), LONG_LIVED)
  const web = identified(t, ca, 'web', { endpoints: { pricing: `127.0.0.1:${port}` } })
  await web.mesh.start()
  const pricing = closing(t, client(web.mesh, Pricing, 'pricing'))
  const serials = (): (number | undefined)[] =>
    [server, web].map(({ mesh }) => mesh.health().identity?.notAfterMs)
  const calls = async (): Promise<void> => {
    // A client of its own makes a connection of its own.
    const fresh = client(web.mesh, Pricing, 'pricing', { 'grpc.primary_user_agent': String(Math.random()) })
    for (const each of [pricing, fresh]) assert.equal((await quote(each, { id: 'x' })).id, 'x')
    fresh.close()
  }
  await calls()
  const before = serials()
  for (const [n, { certFile, keyFile, mesh }] of [server, web].entries()) {
    const other = ca.issue({ service: n === 0 ? 'pricing' : 'web' })
    const whole = other.chainPem.join('')
    for (const [file, text] of [
      [certFile, whole.slice(0, whole.length / 2)],
      [certFile, ''],
      [certFile, whole],
      [keyFile, other.keyPem.slice(0, 60)],
    ] as const) {
      const looked = mesh.health().identity?.problem
      writeFileSync(file, text)
      // A pair that does not fit is told; the good one goes on.
      await until(() => mesh.health().identity?.problem !== undefined, {
        what: 'the mistake to be told',
        seen: () => looked,
        withinMs: 10_000,
      })
      await calls()
      assert.deepEqual(serials(), before)
    }
  }
  // Whole at last: the next pair is in use on both sides, without a call lost.
  server.renew(ca.issue({ service: 'pricing', lifetimeMs: 7_200_000 }))
  web.renew(ca.issue({ service: 'web', lifetimeMs: 7_200_000 }))
  await until(
    async () => {
      await calls()
      return serials().every((serial, n) => serial !== before[n])
    },
    { what: 'the new pairs to be in use', withinMs: 15_000, seen: serials },
  )
  await calls()
})
