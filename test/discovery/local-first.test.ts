import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EndpointSet } from '../../src/core/endpoint.ts'
import { LocalFirst } from '../../src/discovery/local-first.ts'
import type { Source } from '../../src/discovery/source.ts'
import { StaticSource } from '../../src/discovery/static.ts'

class Registry implements Source {
  readonly name = 'registry'
  readonly asked: string[] = []
  readonly #listeners: (() => void)[] = []
  closed = false
  watch(service: string, onSet: (set: EndpointSet) => void): () => void {
    this.asked.push(service)
    onSet({ endpoints: [{ address: '10.0.0.9', port: 9 }] })
    return () => {}
  }
  names = ['orders', 'stock']
  known(): readonly string[] {
    return this.names
  }
  onKnown(listener: () => void): () => void {
    this.#listeners.push(listener)
    return () => {}
  }
  readonly sought: string[] = []
  seek(name: string): void {
    this.sought.push(name)
  }
  learn(): void {
    for (const listener of this.#listeners) listener()
  }
  async close(): Promise<void> {
    this.closed = true
  }
}

const local = () => new StaticSource(new Map([['orders', [{ address: '127.0.0.1', port: 1 }]]]))

test('a name that the local configuration lists never asks the registry', () => {
  const registry = new Registry()
  const source = new LocalFirst(local(), registry)
  const found: number[] = []
  const take = ({ endpoints }: EndpointSet): void => void found.push(...endpoints.map(({ port }) => port))
  source.watch('orders', take, (error) => assert.fail(String(error)))
  source.watch('stock', take, (error) => assert.fail(String(error)))
  assert.deepEqual(found, [1, 9])
  assert.deepEqual(registry.asked, ['stock'])
})

test('names of both are known once, and closing closes both', async () => {
  const registry = new Registry()
  const source = new LocalFirst(local(), registry)
  let learnt = 0
  source.onKnown(() => learnt++)
  registry.learn()
  assert.equal(learnt, 1)
  assert.deepEqual(source.known(), ['orders', 'stock'])
  registry.names = ['billing']
  assert.deepEqual(source.known(), ['orders', 'stock', 'billing'], 'a service without instances is still one')
  await source.close()
  assert.equal(registry.closed, true)
})

test('what somebody looks for is sought in the registry', () => {
  const registry = new Registry()
  new LocalFirst(local(), registry).seek('orders.dc2')
  assert.deepEqual(registry.sought, ['orders.dc2'])
})
