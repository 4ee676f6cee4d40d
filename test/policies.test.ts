import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PolicyFeed, PolicyUpdate } from '../src/control/feed.ts'
import type { Snapshot } from '../src/core/plan.ts'
import { Policies } from '../src/policies.ts'
import { LOCAL_NAMES } from '../src/policy/hosts.ts'
import { createParser } from '../src/policy/parse.ts'
import { policyPieces } from '../src/stack.ts'
import { Journal } from './kit/builders.ts'

const parse = createParser({ pieces: policyPieces, allowedHosts: LOCAL_NAMES })
const updateOf = (version: string, timeout: string): PolicyUpdate => {
  const { document, problems } = parse({
    name: 'mesh.yaml',
    version,
    value: { version: 1, services: { orders: { timeout } } },
  })
  assert.equal(problems, undefined)
  return { version, documents: [document!], problems: [] }
}

class HandFeed implements PolicyFeed {
  readonly name = 'policy'
  current: PolicyUpdate | undefined
  #listener: (update: PolicyUpdate) => void = () => {}
  constructor(first: PolicyUpdate) {
    this.current = first
  }
  onUpdate(listener: (update: PolicyUpdate) => void): () => void {
    this.#listener = listener
    return () => {}
  }
  push(update: PolicyUpdate): void {
    this.#listener(update)
  }
  async start(): Promise<void> {}
  async close(): Promise<void> {}
}

const world = (feed: PolicyFeed | undefined, apply: (snapshot: Snapshot) => void = () => {}) => {
  const applied: Snapshot[] = []
  const errors: string[] = []
  const log = { debug() {}, info() {}, warn() {}, error: (message: string) => errors.push(message) }
  const policies = new Policies({
    feed: () => feed,
    pieces: policyPieces,
    known: () => ['stock'],
    apply: (snapshot) => {
      apply(snapshot)
      applied.push(snapshot)
    },
    events: new Journal(),
    log,
  })
  return { policies, applied, errors, start: () => policies.start(new AbortController().signal) }
}

test('without a policy the services that are configured have built-in plans', async () => {
  const { applied, start } = world(undefined)
  await start()
  assert.deepEqual([...applied[0]!.services.keys()], ['stock'])
  assert.equal(applied[0]!.version, 'built-in')
})

test('a change is put in force, and a service it does not touch keeps its plan', async () => {
  const feed = new HandFeed(updateOf('v1', '1s'))
  const { applied, start } = world(feed)
  await start()
  feed.push(updateOf('v2', '2s'))
  assert.deepEqual(
    applied.map(({ version }) => version),
    ['v1', 'v2'],
  )
  assert.equal(applied[1]!.services.get('orders')!.params.timeout, 2000)
  assert.equal(applied[1]!.services.get('stock'), applied[0]!.services.get('stock'))
})

test('a refusal alone changes nothing in force, is remembered, and goes when it is mended', async () => {
  const first = updateOf('v1', '1s')
  const feed = new HandFeed(first)
  const { policies, applied, errors, start } = world(feed)
  await start()
  feed.push({
    ...first,
    problems: [
      {
        path: 'services.orders.timeout',
        message: 'expected a duration',
        file: 'mesh.yaml',
        line: 4,
        column: 14,
      },
    ],
  })
  assert.equal(applied.length, 1)
  assert.deepEqual(policies.refused, ['services.orders.timeout: expected a duration (mesh.yaml:4:14)'])
  assert.match(errors[0]!, /the last good one stays in force/)
  feed.push(first)
  assert.deepEqual(policies.refused, [])
})

test('a policy whose stacks cannot be built is refused, and the next good one is taken', async () => {
  const feed = new HandFeed(updateOf('v1', '1s'))
  const { policies, applied, start } = world(feed, ({ version }) => {
    if (version === 'v2') throw new Error('no such layer')
  })
  await start()
  feed.push(updateOf('v2', '2s'))
  assert.deepEqual(policies.refused, ['the policy could not be put in force: no such layer'])
  feed.push(updateOf('v3', '3s'))
  assert.deepEqual(
    applied.map(({ version }) => version),
    ['v1', 'v3'],
  )
  assert.deepEqual(policies.refused, [])
})

test('names that discovery learns are compiled into the same policy, and nothing is announced', async () => {
  const names = ['stock']
  const applied: Snapshot[] = []
  const journal = new Journal()
  const policies = new Policies({
    feed: () => new HandFeed(updateOf('v1', '1s')),
    pieces: policyPieces,
    known: () => names,
    apply: (snapshot) => applied.push(snapshot),
    events: journal,
    log: { debug() {}, info() {}, warn() {}, error() {} },
  })
  policies.recompile()
  assert.equal(applied.length, 0, 'before the start there is nothing to compile')
  await policies.start(new AbortController().signal)
  names.push('billing')
  policies.recompile()
  assert.deepEqual([...applied[1]!.services.keys()].sort(), ['billing', 'orders', 'stock'])
  assert.equal(
    applied[1]!.services.get('orders'),
    applied[0]!.services.get('orders'),
    'a plan that did not change stays',
  )
  assert.equal(applied[1]!.version, applied[0]!.version)
})
