import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  cut,
  IN_PARTS,
  join,
  markOf,
  PART_BYTES,
  PARTS,
  partOf,
  readManifest,
  writeManifest,
} from '../../../src/plane/consul/parts.ts'
import { isKey } from '../../../src/plane/store.ts'

const NONCE = 'ab'.repeat(16)
const bytesOf = (length: number): Uint8Array => Uint8Array.from({ length }, (_, at) => at % 251)

test('a value of any size is the same after it was cut and joined, and no part is too large', () => {
  for (const length of [1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES + 17]) {
    const bytes = bytesOf(length)
    const parts = cut(bytes)
    assert.equal(parts.length, Math.ceil(length / PART_BYTES))
    assert.ok(parts.every((part) => part.length <= PART_BYTES))
    const manifest = readManifest(writeManifest(NONCE, bytes, parts))
    assert.ok(manifest)
    assert.deepEqual(join(manifest, parts), Buffer.from(bytes))
  }
})

test('parts that are missing, changed, swapped or too few are no value', () => {
  const bytes = bytesOf(2 * PART_BYTES + 5)
  const parts = cut(bytes)
  const manifest = readManifest(writeManifest(NONCE, bytes, parts))!
  const [first, second, third] = parts as [Uint8Array, Uint8Array, Uint8Array]
  const other = Uint8Array.from(second)
  other[7] = (other[7] ?? 0) ^ 1
  for (const found of [
    [first, undefined, third],
    [first, other, third],
    [first, third, second],
    [first, second],
    [],
  ])
    assert.equal(join(manifest, found), undefined)
  assert.equal(join({ ...manifest, bytes: manifest.bytes + 1 }, parts), undefined)
})

test('what is no manifest is read as none, whatever it is', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      assert.equal(readManifest(Buffer.from(text)), undefined)
    }),
  )
  assert.equal(readManifest(Buffer.from(`{"nonce":"../x","bytes":1,"parts":["a"]}`)), undefined)
})

test('marks and parts lie where no key of the store does, sorted as they follow each other', () => {
  assert.equal(markOf('policy/1', NONCE), `${PARTS}policy/1/${NONCE}`)
  assert.equal(isKey(markOf('policy/1', NONCE)), false)
  const names = [0, 9, 10, 999].map((part) => partOf('policy/1', NONCE, part))
  assert.deepEqual(names, names.toSorted())
  assert.ok(names.every((name) => name.startsWith(`${markOf('policy/1', NONCE)}/`)))
  assert.equal(Buffer.from(IN_PARTS.toString(16), 'hex').toString(), 'parts')
})
