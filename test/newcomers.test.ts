import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Newcomers } from '../src/newcomers.ts'
import { ManualClock } from '../src/testing/manual-clock.ts'

class Registry {
  readonly names: string[] = []
  readonly listeners = new Set<() => void>()
  known(): readonly string[] {
    return this.names
  }
  onKnown(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }
  readonly sought: string[] = []
  seek(name: string): void {
    this.sought.push(name)
  }
  learn(name: string): void {
    this.names.push(name)
    for (const listener of [...this.listeners]) listener()
  }
}

const stage = () => {
  const clock = new ManualClock()
  const registry = new Registry()
  const newcomers = new Newcomers(registry, clock)
  const ask = (name: string): string[] | undefined => {
    const told: string[] = []
    const wait = newcomers.wait(name)
    void wait?.then(() => told.push('go on'))
    return wait === undefined ? undefined : told
  }
  return { clock, registry, ask }
}
const settled = () => new Promise((resolve) => setImmediate(resolve))

test('a call to a service that is about to be known goes on the moment it is', async () => {
  const { clock, registry, ask } = stage()
  const told = ask('orders')
  registry.learn('stock')
  await settled()
  assert.deepEqual(told, [])
  registry.learn('orders')
  await settled()
  assert.deepEqual(told, ['go on'])
  assert.equal(registry.listeners.size, 0)
  assert.equal(clock.armed, 0)
})

test('the registry hears what is waited for: a name of another datacenter it finds out only then', async () => {
  const { clock, registry, ask } = stage()
  ask('orders.dc2')
  assert.deepEqual(registry.sought, ['orders.dc2'])
  clock.advance(1000)
  ask('orders.dc2')
  assert.equal(registry.sought.length, 1, 'no more often than it is waited for')
})

test('a misspelt name is waited for once in half a minute, for a second', async () => {
  const { clock, registry, ask } = stage()
  const told = ask('ordres')
  clock.advance(999)
  await settled()
  assert.deepEqual(told, [])
  clock.advance(1)
  await settled()
  assert.deepEqual(told, ['go on'])
  assert.equal(registry.listeners.size, 0)
  assert.equal(ask('ordres'), undefined)
  assert.ok(ask('stokc'), 'another name is another question')
  clock.advance(30_000)
  assert.ok(ask('ordres'))
})

test('where names do not change there is nothing to wait for', () => {
  assert.equal(new Newcomers({ known: () => [] }, new ManualClock()).wait('orders'), undefined)
})
