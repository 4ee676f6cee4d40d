import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeWorld, tulle } from '../kit/command.ts'

async function config(
  env: Record<string, string>,
  ...args: string[]
): Promise<{ out: string; err: string; failed: boolean }> {
  const world = new FakeWorld()
  world.env = env
  const { code, out, err } = await tulle(world, 'config', ...args)
  return { out, err, failed: code === 1 }
}

test('every value is printed with its source', async () => {
  const { out } = await config({ OTEL_SERVICE_NAME: 'orders', TULLE_ENDPOINTS: 'stock=127.0.0.1:1' })
  assert.match(out, /^TULLE_SERVICE +OTEL_SERVICE_NAME +orders$/m)
  assert.match(out, /^TULLE_ENDPOINTS +TULLE_ENDPOINTS +stock=127\.0\.0\.1:1$/m)
  assert.match(out, /^TULLE_POLICY +default +\(none\)$/m)
})

test('a misspelt variable is a warning that does not print its value', async () => {
  const { out } = await config({ TULLE_SERVICE: 'orders', TULLE_POLICI: 'secret' })
  assert.match(out, /^warning: TULLE_POLICI is not a variable of tulle; did you mean TULLE_POLICY\?$/m)
  assert.doesNotMatch(out, /secret/)
})

test('a bad value is named with what is accepted, and the exit says so', async () => {
  const { err, failed } = await config({ TULLE_SERVICE: 'orders', TULLE_LOG: 'loud' })
  assert.ok(failed)
  assert.match(err, /^TULLE_LOG: expected one of silent, error, warn, info, debug, found "loud"\n/)
})

test('as JSON it can be read by a program', async () => {
  const { out } = await config({ TULLE_SERVICE: 'orders' }, '--json')
  assert.deepEqual(JSON.parse(out).values.TULLE_SERVICE, { value: 'orders', source: 'TULLE_SERVICE' })
})
