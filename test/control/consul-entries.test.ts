import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConsulEntries } from '../../src/control/consul-entries.ts'
import { ENTRY_KINDS } from '../../src/policy/consul/entry.ts'
import { policyPieces } from '../../src/stack.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { ConsulScript } from '../kit/consul-script.ts'
import { settled } from '../kit/fake-link.ts'
import { MemoryState } from '../kit/memory-state.ts'

const RESOLVER = '/v1/config/service-resolver'
const redirect = (name: string, to: string) => ({
  Kind: 'service-resolver',
  Name: name,
  Redirect: { Service: to },
})

function world(store = new MemoryState()) {
  const link = new ConsulScript()
  const clock = new ManualClock()
  const logged: string[] = []
  const note = (message: string) => logged.push(message)
  const entries = new ConsulEntries({
    link,
    service: 'web',
    pieces: policyPieces,
    store,
    clock,
    wall: () => 1_700_000_000_000 + clock.now(),
    random: () => 1,
    log: { debug: note, info: note, warn: note, error: note },
  })
  let changes = 0
  entries.onChange(() => {
    changes += 1
  })
  const later = async (ms: number): Promise<void> => {
    clock.advance(ms)
    await settled()
  }
  const begin = async (resolvers: readonly object[]): Promise<void> => {
    const started = entries.start(new AbortController().signal)
    started.catch(() => {})
    await settled()
    for (const kind of ENTRY_KINDS)
      await link.last(`/v1/config/${kind}`).answer(kind === 'service-resolver' ? resolvers : [])
    await started
    changes = 0
    await later(1000)
  }
  const lookups = () =>
    Object.fromEntries(
      [...entries.base.services].map(([name, { levels }]) => [name, levels.at(-1)?.level.lookup]),
    )
  return { link, clock, entries, store, later, begin, lookups, logged, changes: () => changes }
}

test('there is one blocking query for each kind, and a change is told', async () => {
  const { link, entries, begin, later, lookups, changes } = world()
  await begin([redirect('old', 'orders')])
  assert.deepEqual(lookups(), { old: { service: 'orders' } })
  const open = link.asked.filter((asked) => asked.open).map(({ request }) => request.path)
  assert.deepEqual(open.sort(), ENTRY_KINDS.map((kind) => `/v1/config/${kind}`).sort())
  await link.last(RESOLVER).answer([redirect('old', 'shop')])
  await later(1000)
  assert.deepEqual([lookups(), changes()], [{ old: { service: 'shop' } }, 1])
  await link.last('/v1/config/service-router').answer([{ Kind: 'service-router', Name: 'x', Routes: [] }])
  assert.equal(changes(), 1, 'an entry that says nothing changes nothing')
  assert.equal(entries.status().source, 'consul')
  await entries.close()
})

test('an entry with a mistake is refused alone and keeps its last good form; the others go on', async () => {
  const { link, entries, begin, later, lookups, store } = world()
  await begin([redirect('a', 'orders'), redirect('b', 'orders')])
  await link.last(RESOLVER).answer([{ ...redirect('a', 'x'), ConnectTimeout: 'soon' }, redirect('b', 'shop')])
  await later(1000)
  assert.deepEqual(lookups(), { a: { service: 'orders' }, b: { service: 'shop' } })
  assert.deepEqual(entries.status().problems, [
    'service-resolver/a: ConnectTimeout: expected a duration such as 15s, found "soon"; its last good form stays',
  ])
  const kept = store.json('consul-entries.json').entries as Record<string, { Redirect: object }[]>
  assert.deepEqual(kept['service-resolver']?.[0]?.Redirect, { Service: 'orders' })
  await link.last(RESOLVER).answer([redirect('a', 'c'), redirect('b', 'shop')])
  assert.deepEqual([lookups().a, entries.status().problems], [{ service: 'c' }, []])
  await entries.close()
})

test('FAULTS 24: an empty list because the token was lost takes no entry away; a deletion does', async () => {
  const { link, entries, begin, later, lookups } = world()
  await begin([redirect('old', 'orders')])
  await link.last(RESOLVER).answer([])
  await link.last(`${RESOLVER}/old`).refuse(403)
  await later(0)
  assert.deepEqual(lookups(), { old: { service: 'orders' } })
  assert.match(entries.status().problems.join(), /the service-resolver of old may no longer be read/)
  await later(20_000)
  await link.last(RESOLVER).answer([])
  await link.last(`${RESOLVER}/old`).absent()
  assert.deepEqual([lookups(), entries.status().problems], [{}, []])
  await entries.close()
})

test('FAULTS 20: an agent that is away at the start is what the error names, unless an earlier run kept something', async () => {
  const first = world()
  const outcome = assert.rejects(first.entries.start(new AbortController().signal), {
    code: 'TULLE_CONSUL',
    message:
      /^no config entries \(proxy-defaults\) from Consul at http:\/\/127\.0\.0\.1:8500: no Consul agent/,
  })
  await settled()
  for (const asked of [...first.link.asked]) await asked.fail()
  await first.later(3000)
  await outcome
  first.store.put('consul-entries.json', { savedMs: 'then', entries: {} })
  const again = assert.rejects(first.entries.start(new AbortController().signal), {
    message: /what is kept is not used: consul-entries\.json in .* is damaged \(savedMs: /,
  })
  await settled()
  for (const asked of [...first.link.asked]) await asked.fail()
  await first.later(3000)
  await again
  await first.begin([redirect('old', 'orders')])
  assert.deepEqual(first.lookups(), { old: { service: 'orders' } }, 'a start that failed may be tried again')
  await first.entries.close()
  const good = world()
  await good.begin([redirect('old', 'orders')])
  await good.entries.close()
  const second = world(good.store)
  const started = second.entries.start(new AbortController().signal)
  await settled()
  for (const asked of [...second.link.asked]) await asked.fail()
  await started
  assert.deepEqual(second.lookups(), { old: { service: 'orders' } })
  assert.equal(second.entries.status().source, 'kept')
  await second.later(20_000)
  for (const kind of ENTRY_KINDS)
    await second.link
      .last(`/v1/config/${kind}`)
      .answer(kind === 'service-resolver' ? [redirect('old', 'shop')] : [])
  assert.deepEqual(
    [second.lookups(), second.entries.status().source, second.entries.status().problems],
    [{ old: { service: 'shop' } }, 'consul', []],
  )
  await second.entries.close()
})

test('a kind that an old Consul does not know is asked for every ten minutes: it may have been replaced', async () => {
  const { link, entries, later } = world()
  const started = entries.start(new AbortController().signal)
  await settled()
  for (const kind of ENTRY_KINDS)
    if (kind === 'service-router')
      await link.last(`/v1/config/${kind}`).refuse(500, `invalid config entry kind: ${kind}`)
    else await link.last(`/v1/config/${kind}`).answer([])
  await started
  await later(60_000)
  assert.deepEqual(entries.status().unknownKinds, ['service-router'])
  const asked = () => link.all('/v1/config/service-router')
  assert.equal(asked().length, 1)
  await later(600_000)
  assert.equal(asked().length, 2)
  await asked().at(-1)?.refuse(500, 'invalid config entry kind: service-router')
  assert.deepEqual(entries.status().unknownKinds, ['service-router'])
  await later(600_000)
  await asked().at(-1)?.answer([])
  assert.deepEqual(entries.status().unknownKinds, [])
  await entries.close()
  const open = link.asked.filter((one) => one.open)
  assert.deepEqual(open, [])
})

test('what is not honoured is logged once', async () => {
  const { link, entries, begin, later, logged } = world()
  const failover = { Kind: 'service-resolver', Name: 'orders', Failover: { '*': { Datacenters: ['dc2'] } } }
  await begin([failover])
  await link.last(RESOLVER).answer([failover, redirect('old', 'orders')])
  await later(1000)
  const told = logged.filter((message) => message.includes('Failover'))
  assert.deepEqual(told, [
    'Consul’s config entries: not honoured: service-resolver/orders Failover: calls stay with their own instances and datacenter when these fail',
  ])
  assert.equal(entries.status().notHonoured.length, 1)
  await entries.close()
})
