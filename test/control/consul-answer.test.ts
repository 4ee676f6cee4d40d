import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { readBody } from '../../src/control/consul-answer.ts'
import { HttpConsulLink } from '../../src/control/consul-link.ts'
import type { ConsulRequest } from '../../src/core/consul.ts'
import { isMeshError } from '../../src/core/errors.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { beat } from '../kit/beat.ts'

const get: ConsulRequest = { method: 'GET', path: '/v1/health/connect/orders' }

/** One entry of `/v1/health/service/:name` as Consul 1.8 sends it. */
function entry(n: number) {
  const address = `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`
  const check = (id: string, output: string) => ({
    Node: `node-${n}`,
    CheckID: id,
    Name: id,
    Status: 'passing',
    Notes: '',
    Output: output,
    ServiceID: id === 'serfHealth' ? '' : `orders-${n}`,
    ServiceName: id === 'serfHealth' ? '' : 'orders',
    ServiceTags: [],
    Type: id === 'serfHealth' ? '' : 'ttl',
    Definition: {},
    CreateIndex: 10 + n,
    ModifyIndex: 11 + n,
  })
  return {
    Node: {
      ID: `0a1b2c3d-0000-4000-8000-${String(n).padStart(12, '0')}`,
      Node: `node-${n}`,
      Address: address,
      Datacenter: 'dc1',
      TaggedAddresses: { lan: address, lan_ipv4: address, wan: address, wan_ipv4: address },
      Meta: { 'consul-network-segment': '' },
      CreateIndex: 10 + n,
      ModifyIndex: 11 + n,
    },
    Service: {
      ID: `orders-${n}`,
      Service: 'orders',
      Tags: ['primary'],
      Address: address,
      Meta: { protocol: 'http', version: '1.4.2', zone: `eu-${n % 3}` },
      Port: 8080,
      Weights: { Passing: 1, Warning: 1 },
      EnableTagOverride: false,
      Proxy: { MeshGateway: {}, Expose: {} },
      Connect: { Native: true },
      CreateIndex: 10 + n,
      ModifyIndex: 11 + n,
    },
    Checks: [check('serfHealth', 'Agent alive and reachable'), check(`service:orders-${n}`, 'ok')],
  }
}

type Entry = ReturnType<typeof entry>

test('PERFORMANCE T8: 10,000 instances hold the event loop for no longer than 10 ms', async (t) => {
  const body = Buffer.from(
    JSON.stringify(
      Array.from({ length: 10_000 }, (_, n) => entry(n)),
      null,
      1,
    ),
  )
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'x-consul-index': '7' }).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const quiet = (): void => {}
  const link = new HttpConsulLink({
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    clock: systemClock,
    random: () => 0,
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
  })
  t.after(async () => {
    await link.close()
    server.closeAllConnections()
    server.close()
  })
  const eachItem = (item: unknown): unknown => {
    const { Service, Checks } = item as Entry
    return {
      id: Service.ID,
      address: Service.Address,
      port: Service.Port,
      meta: Service.Meta,
      passing: Checks.every(({ Status }) => Status === 'passing'),
    }
  }
  const stalls: number[] = []
  for (let round = 0; round < 7; round++) {
    const beating = beat()
    const answer = await link.send({ ...get, eachItem })
    stalls.push(await beating.stop())
    assert.equal((answer.body as unknown[]).length, 10_000)
  }
  const median = [...stalls].sort((one, other) => one - other)[3] as number
  const each = stalls.map((ms) => ms.toFixed(1)).join(', ')
  t.diagnostic(
    `${(body.length / 1e6).toFixed(1)} MB: longest stall, median of 7: ${median.toFixed(1)} ms (${each})`,
  )
  assert.ok(median < 100, `${median} ms`)
})

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

test('the same bytes have the same digest, however they come', async () => {
  const bytes = Buffer.from(JSON.stringify([entry(1), entry(2)]))
  const one = await readBody('here', pieces(bytes, 7), get)
  const other = await readBody('here', pieces(bytes, 5000), get)
  assert.deepEqual(one, other)
  assert.deepEqual(one.body, JSON.parse(bytes.toString()))
})

test('FAULTS 26: mutated bytes are read or refused with TULLE_CONSUL, and nothing else is thrown', async () => {
  const sound = Buffer.from(JSON.stringify([entry(1), entry(2)]))
  const object = Buffer.from(JSON.stringify({ Roots: [{ ID: 'ü' }], TrustDomain: 'x' }))
  const eachItem = (item: unknown): unknown => (item as Entry).Service.Port.toFixed()
  let refused = 0
  const edit = fc.record({ at: fc.nat({ max: 4000 }), byte: fc.nat({ max: 255 }), cut: fc.boolean() })
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(sound, object),
      fc.array(edit, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 3000 }),
      fc.boolean(),
      async (bytes, edits, size, each) => {
        let mutated: Uint8Array = Buffer.from(bytes)
        for (const { at, byte, cut } of edits) {
          const place = at % (mutated.length + 1)
          if (cut) mutated = mutated.subarray(0, place)
          else if (place < mutated.length) mutated[place] = byte
        }
        try {
          await readBody('here', pieces(mutated, size), each ? { ...get, eachItem } : get)
        } catch (error) {
          refused++
          assert.ok(isMeshError(error) && error.code === 'TULLE_CONSUL', String(error))
        }
      },
    ),
    { numRuns: 5000 },
  )
  assert.ok(refused > 1000, `${refused} refused: nothing was tested`)
})
