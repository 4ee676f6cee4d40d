import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { request } from 'undici'
import { isMeshError } from '../../src/core/errors.ts'
import { TestCa } from '../kit/certificates.ts'
import { Harness, listening } from '../kit/http-harness.ts'
import { TestIdentity } from '../kit/test-identity.ts'
import { serveHttps } from '../kit/tls-server.ts'
import { until } from '../kit/wait.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** In flight at a time, and how many in all: a tenth of a soak. */
const AT_ONCE = 20
const ROUNDS = 50

test('FAULTS 45, incident 36: a thousand handshakes that fail leave neither descriptors nor memory behind in the caller', async (t) => {
  const ca = TestCa.create()
  const svid = ca.issue()
  const noTls = createServer((socket: Socket) => {
    socket.on('error', () => {})
    socket.resume().end('HTTP/1.1 400 Bad Request\r\n\r\n')
  })
  const wrong = [
    await serveHttps({ svid: TestCa.create().issue(), ca }, () => {}),
    await serveHttps({ svid: ca.issue({ service: 'billing' }), ca }, () => {}),
    await serveHttps({ svid: ca.issue({ isCa: true }), ca }, () => {}),
    await serveHttps({ svid, ca: TestCa.create() }, () => {}),
    await listening(noTls),
  ]
  const right = await serveHttps({ svid, ca }, (_request, response) => response.end('fine'))
  t.after(() => Promise.all([...wrong, right].map((server) => server.close())))
  const identity = new TestIdentity({ ca })
  const caller = (address: string): Harness => {
    const made = new Harness({ wall: Date.now, endpoints: [address], secure: { identity } })
    t.after(() => made.close())
    return made
  }
  const bad = wrong.map(({ address }) => caller(address))
  const good = caller(right.address)
  const call = (harness: Harness) => request('http://orders.mesh/', { dispatcher: harness.dispatcher })
  const fail = async (at: number): Promise<void> => {
    const error = await call(bad[at % bad.length]!).then(
      () => assert.fail('it did not fail'),
      (thrown: unknown) => thrown,
    )
    assert.ok(isMeshError(error), String(error))
  }
  const open = (): number => readdirSync('/proc/self/fd').length
  const heap = async (): Promise<number> => {
    for (let n = 0; n < 3; n++) {
      collect()
      await new Promise((resolve) => setImmediate(resolve))
    }
    return process.memoryUsage().heapUsed
  }
  const round = async (): Promise<void> => {
    await Promise.all(Array.from({ length: AT_ONCE }, (_, at) => fail(at)))
    assert.equal(await (await call(good)).body.text(), 'fine')
    // What the harness itself remembers.
    for (const { reports, calls, ends } of [...bad, good])
      for (const list of [reports, calls, ends]) list.length = 0
  }
  for (let n = 0; n < 5; n++) await round()
  const before = { descriptors: open(), heap: await heap() }
  for (let n = 0; n < ROUNDS; n++) await round()
  await until(() => open() <= before.descriptors + 10, { what: 'descriptors to be given back', seen: open })
  const grown = (await heap()) - before.heap
  t.diagnostic(`${AT_ONCE * ROUNDS} failed handshakes: ${Math.round(grown / 1024)} KiB more on the heap`)
  assert.ok(grown < 4 * 1024 * 1024, `${grown} bytes more after ${AT_ONCE * ROUNDS} handshakes`)
})
