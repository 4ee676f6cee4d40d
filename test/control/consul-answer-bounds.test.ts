import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readBody } from '../../src/control/consul-answer.ts'
import { isMeshError } from '../../src/core/errors.ts'

const get = { method: 'GET', path: '/v1/health/connect/orders' } as const
const MEGABYTE = 2 ** 20

/** So much of one piece again and again, between a beginning and an end. */
async function* answer(begin: string, piece: string, end: string, bytes: number): AsyncGenerator<Uint8Array> {
  yield Buffer.from(begin)
  const block = Buffer.from(piece.repeat(Math.ceil(65_536 / piece.length)))
  for (let sent = 0; sent < bytes; sent += block.length) yield block
  yield Buffer.from(end)
}

const HUGE: Readonly<Record<string, readonly [begin: string, piece: string, end: string]>> = {
  'a list of millions of entries': ['[{}', ',{}', ']'],
  'an entry of millions of parts': ['[{"a":[0', ',{}', ']}]'],
  'an object of millions of parts': ['{"a":[0', ',{}', ']}'],
  'a list that is nested millions of times': ['[', '[', ''],
  'an object that is nested millions of times': ['{"a":', '[', ''],
}

for (const [name, [begin, piece, end]] of Object.entries(HUGE))
  test(`FAULTS 26: ${name} is refused before it costs more than its bytes`, async () => {
    const before = process.memoryUsage().heapUsed
    const asked = performance.now()
    const error = await readBody('here', answer(begin, piece, end, 60 * MEGABYTE), get).then(
      () => assert.fail('it was taken'),
      (thrown: unknown) => thrown,
    )
    assert.ok(isMeshError(error) && error.code === 'TULLE_CONSUL', String(error))
    assert.match(error.message, /^here answered (?:more than|what is not JSON: (?:more than|nested))/)
    assert.ok(performance.now() - asked < 2000)
    const grown = (process.memoryUsage().heapUsed - before) / MEGABYTE
    assert.ok(grown < 200, `${grown.toFixed(0)} MB`)
  })

test('what Consul itself may send is far within the bounds', async () => {
  const many = await readBody('here', answer('[{}', ',{"a":[[[{}]]]}', ']', MEGABYTE), get)
  assert.ok((many.body as unknown[]).length > 50_000)
  const large = await readBody('here', answer('{"a":[0', ',{"b":"cccccccccccc"}', ']}', 8 * MEGABYTE), get)
  assert.ok(large.body)
})
