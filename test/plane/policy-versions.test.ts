import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMeshError } from '../../src/core/errors.ts'
import { hashOf, type PolicyVersion } from '../../src/plane/policy-version.ts'
import { PolicyVersions, VERSIONS } from '../../src/plane/policy-versions.ts'
import { MemoryStore } from '../kit/memory-store.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }
const version = (sequence: number): PolicyVersion => ({
  sequence,
  hash: hashOf(new Map([['a.yaml', 'version: 1\n']])),
  at: sequence,
  author: 'ann',
  message: '',
  documents: [{ name: 'a.yaml', text: 'version: 1\n' }],
})

class CountingStore extends MemoryStore {
  reads = 0

  override read(key: string): Promise<Uint8Array | undefined> {
    this.reads++
    return super.read(key)
  }
}

async function withVersions(count: number) {
  const store = new CountingStore()
  const versions = new PolicyVersions(store, silent)
  for (let sequence = 1; sequence <= count; sequence++) await versions.create(version(sequence))
  return { store, versions }
}

const key = (sequence: number): string => `${VERSIONS}${String(sequence).padStart(12, '0')}`
const sequencesOf = async (versions: PolicyVersions, limit = 10): Promise<number[]> =>
  (await versions.heads(limit)).map(({ sequence }) => sequence)

test('versions are listed newest first, and each is read once', async () => {
  const { store, versions } = await withVersions(3)
  assert.equal(await versions.look(), 3)
  assert.deepEqual(await sequencesOf(versions), [3, 2, 1])
  assert.deepEqual(await sequencesOf(versions, 2), [3, 2])
  assert.equal(store.reads, 3)
})

test('of two writers of one number the second is told, and the first one’s stays', async () => {
  const { store, versions } = await withVersions(1)
  const other = new PolicyVersions(store, silent)
  await other.look()
  assert.equal(await versions.create({ ...version(2), author: 'ann' }), true)
  assert.equal(await other.create({ ...version(2), author: 'bob' }), false)
  assert.equal((await other.read(2))?.author, 'ann')
})

test('nothing is made after a newest version that is gone: there are later ones', async () => {
  const { store, versions } = await withVersions(1)
  await store.remove(key(1))
  assert.equal(await versions.create(version(2)), false)
})

test('the oldest are forgotten, and what another writer forgot is not remembered', async () => {
  const { store, versions } = await withVersions(4)
  await versions.forget(2)
  assert.deepEqual(await store.list(VERSIONS), [key(3), key(4)])
  assert.deepEqual(await sequencesOf(versions), [4, 3])
  await store.remove(key(3))
  await versions.look()
  await store.write(key(3), Buffer.from(JSON.stringify({ ...version(3), author: 'bob' })))
  await versions.look()
  const [, third] = await versions.heads(2)
  assert.equal(third?.author, 'bob')
})

test('a damaged version is an error to who reads it, and left out of the list', async () => {
  const { store, versions } = await withVersions(2)
  await store.write(key(1), Buffer.from('{'))
  await assert.rejects(versions.read(1), (error) => {
    assert.ok(isMeshError(error) && error.code === 'TULLE_STATE')
    assert.match(
      error.message,
      /^version 1 of the policy \(policy\/versions\/000000000001 in .*\) is damaged/,
    )
    return true
  })
  assert.deepEqual(await sequencesOf(versions), [2])
  assert.equal(await versions.read(7), undefined)
})
