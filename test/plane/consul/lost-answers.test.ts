import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { HttpConsulLink } from '../../../src/control/consul-link.ts'
import type { ConsulLink, ConsulRequest } from '../../../src/core/consul.ts'
import { isMeshError, MeshError } from '../../../src/core/errors.ts'
import { PART_BYTES } from '../../../src/plane/consul/parts.ts'
import { ConsulStore } from '../../../src/plane/consul/store.ts'
import { systemClock, systemWall } from '../../../src/platform/clock.ts'
import { type Agent, startAgent } from '../../kit/consul/agent.ts'
import type { Cleanup } from '../../kit/process.ts'
import { keysOf, silent } from './stage.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (content: Uint8Array | undefined): string | undefined =>
  content === undefined ? undefined : new TextDecoder().decode(content)
const world = { clock: systemClock, wall: systemWall, random: () => 0, log: silent }
const lost = new MeshError('TULLE_CONSUL', 'the connection was closed before the answer was whole')

let agent: Agent
before(async () => {
  agent = await startAgent()
})
after(() => agent.stop())

/** A store on the real agent, whose transactions go through `meddle`. */
async function open(
  t: Cleanup,
  prefix: string,
  meddle: (send: () => Promise<unknown>, attempt: number) => Promise<void>,
): Promise<ConsulStore> {
  const link = new HttpConsulLink({ address: agent.address, ...world })
  let attempts = 0
  const meddled: ConsulLink = {
    address: link.address,
    close: () => link.close(),
    async send(request: ConsulRequest, signal?: AbortSignal) {
      if (request.path === '/v1/txn') await meddle(() => link.send(request), attempts++)
      return link.send(request, signal)
    },
  }
  const store = await ConsulStore.open({ link: meddled, prefix, ...world })
  t.after(async () => {
    await store.close()
    await link.close()
  })
  return store
}

test('a write whose answer was lost is done once, and known to be', async (t) => {
  for (const [prefix, value] of [
    ['small', bytes('x')],
    ['large', new Uint8Array(2 * PART_BYTES)],
  ] as const) {
    const store = await open(t, prefix, async (send, attempt) => {
      if (attempt > 1) return
      await send().catch(() => {})
      throw lost
    })
    assert.equal(await store.create('a', value), true)
    await store.write('b', value)
    assert.deepEqual(Buffer.from((await store.read('a')) ?? []), Buffer.from(value))
    assert.deepEqual(await store.list(''), ['a', 'b'])
    await store.remove('a')
    assert.deepEqual(await store.list(''), ['b'])
  }
})

test('where another came between the attempts, it is his, and ours has changed nothing', async (t) => {
  const store = await open(t, 'between', async (_, attempt) => {
    if (attempt > 0) return
    await agent.api('PUT', '/v1/kv/between/a', 'theirs')
    throw lost
  })
  assert.equal(await store.create('a', bytes('ours')), false)
  assert.equal(text(await store.read('a')), 'theirs')
})

test('an attempt that was given up and comes late changes nothing any more', async (t) => {
  const late: (() => Promise<unknown>)[] = []
  const store = await open(t, 'late', async (send, attempt) => {
    if (attempt % 2 === 1) return
    late.push(send)
    throw lost
  })
  await store.write('a', bytes('one'))
  await store.write('a', bytes('two'))
  await agent.api('PUT', '/v1/kv/late/v/1', 'one')
  await store.create('v/2', bytes('two'), 'v/1')
  // As versions are pruned: the older first.
  await agent.api('DELETE', '/v1/kv/late/v/?recurse')
  for (const send of late) await send().catch(() => {})
  assert.equal(late.length, 3)
  assert.deepEqual([text(await store.read('a')), await store.read('v/2')], ['two', undefined])
})

test('where no attempt has an answer it says that it does not know, and what to look at', async (t) => {
  const clock = { ...world.clock, now: () => 0, background: world.clock.background, after: world.clock.after }
  let now = 0
  const link = new HttpConsulLink({ address: agent.address, ...world })
  t.after(() => link.close())
  const store = await ConsulStore.open({
    link: {
      address: link.address,
      close: () => link.close(),
      send: async (request, signal) => {
        if (request.path !== '/v1/txn') return link.send(request, signal)
        now += 4000
        throw lost
      },
    },
    prefix: 'unknown',
    ...world,
    clock: { ...clock, now: () => now },
  })
  t.after(() => store.close())
  await assert.rejects(store.create('a', bytes('x')), (error) => {
    assert.ok(isMeshError(error))
    assert.match(error.message, /consul:\/\/.*\/unknown: .*whether it was written is not known$/)
    assert.match(error.hint, /tulle policy history/)
    return error.code === 'TULLE_CONSUL'
  })
  assert.deepEqual(await keysOf(agent, 'unknown'), [])
})
