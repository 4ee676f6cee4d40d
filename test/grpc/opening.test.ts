import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { test } from 'node:test'
import type { Ambient } from '../../src/core/ambient.ts'
import { Opening } from '../../src/grpc/opening.ts'
import { ambientStore } from '../../src/platform/als.ts'
import { asyncMark } from '../../src/platform/async-mark.ts'

async function listening(t: { after(fn: () => unknown): void }): Promise<() => ReturnType<typeof connect>> {
  const server = createServer((socket) => socket.on('error', () => {}))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  return () => connect(port, '127.0.0.1').on('error', () => {})
}

test('an opening that is cut takes the sockets along that were made for it, and no others', async (t) => {
  const dial = await listening(t)
  const opening = new Opening({ ambient: ambientStore, asyncMark })
  let own: ReturnType<typeof dial> | undefined
  const made = new Promise<void>((resolve) => {
    opening.begin(() => {
      // As grpc-js does, some ticks later.
      void Promise.resolve()
        .then(() => process.nextTick(() => (own = dial())))
        .then(() => setImmediate(resolve))
    })
  })
  const other = dial()
  await made
  opening.cut()
  assert.equal(own?.destroyed, true)
  assert.equal(other.destroyed, false)
  other.destroy()
})

test('a connection leaves the context of the request that asked for it, and enters none where there is none', () => {
  let entered = 0
  let within: Ambient | undefined
  const store = (current: Ambient | undefined) => ({
    get: () => current,
    run<T>(ambient: Ambient, fn: () => T): T {
      entered++
      within = ambient
      return fn()
    },
  })
  new Opening({ ambient: store({ deadline: 5 }) }).begin(() => assert.deepEqual(within, {}))
  assert.equal(entered, 1)
  new Opening({ ambient: store(undefined), asyncMark }).begin(() => {})
  assert.equal(entered, 1)
})
