import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  documentName,
  documentsIn,
  hintFor,
  isConsulPolicy,
  noStart,
  pathOf,
  policyKey,
  policyRequest,
} from '../../src/control/consul-policy-key.ts'
import { type ConsulAnswer, ConsulRefusal } from '../../src/core/consul.ts'
import { MeshError } from '../../src/core/errors.ts'

const answer = (body: unknown, status = 200): ConsulAnswer => ({
  status,
  body,
  index: 7,
  digest: 'd',
  filtered: false,
  knownLeader: true,
})

test('an address names a key, or with a slash at its end everything below a prefix', () => {
  assert.deepEqual(policyKey('consul://tulle/mesh.yaml'), { key: 'tulle/mesh.yaml', prefix: false })
  assert.deepEqual(policyKey('consul:///tulle/policies/'), { key: 'tulle/policies/', prefix: true })
  for (const text of ['consul://', 'consul:///', 'mesh.yaml', 'https://plane'])
    assert.equal(policyKey(text), undefined, text)
  assert.equal(isConsulPolicy('consul://'), true, 'wrongly written, and meant so')
  assert.equal(isConsulPolicy('./consul'), false)
})

test('whatever is in a key, the agent reads that key and no other', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (key) => {
      fc.pre(!key.split('/').some((part) => part === '.' || part === '..'))
      const { pathname, search, hash } = new URL(pathOf(key), 'http://consul')
      assert.equal(decodeURIComponent(pathname), `/v1/kv/${key}`)
      assert.equal(`${search}${hash}`, '')
    }),
  )
})

test('one key is asked for as bytes, a prefix as a list, and neither need be there', () => {
  const one = policyRequest({ key: 'a', prefix: false })
  assert.deepEqual([one.query, one.expects, one.mayBeAbsent], [{ raw: '' }, 'bytes', true])
  const all = policyRequest({ key: 'a/', prefix: true })
  assert.deepEqual([all.query, all.expects, all.mayBeAbsent], [{ recurse: '' }, undefined, true])
})

test('documents are named by their keys; what is absent, and the folders of the user interface, are none', () => {
  const below = { key: 'p/', prefix: true }
  assert.equal(documentsIn(below, answer(undefined, 404)).size, 0)
  const found = documentsIn(
    below,
    answer([
      { Key: 'p/', Value: null },
      { Key: 'p/a.yaml', Value: Buffer.from('a: 1').toString('base64'), Session: 'newer' },
      { Key: 'p/b.yaml', Value: null },
    ]),
  )
  assert.deepEqual(
    [...found].map(([name, bytes]) => [name, String(bytes)]),
    [
      [documentName('p/a.yaml'), 'a: 1'],
      ['consul://p/b.yaml', ''],
    ],
  )
})

test('what is no answer to the question is refused with its key', () => {
  const wrong = (prefix: boolean, body: unknown) =>
    assert.throws(
      () => documentsIn({ key: 'p/', prefix }, answer(body)),
      /the agent answered .* for the key p\//,
    )
  wrong(false, { not: 'bytes' })
  for (const body of [
    {},
    [7],
    [{ Key: '' }],
    Array.from({ length: 2001 }, () => ({ Key: 'a', Value: null })),
  ])
    wrong(true, body)
})

test('a start without policy names the place, the reason, and the rule where the token lacks it', () => {
  const from = { key: 'mesh.yaml', prefix: false }
  const denied = new ConsulRefusal(403, 'Permission denied', 'refused with 403')
  assert.equal(hintFor(from, denied), 'The ACL token needs: key "mesh.yaml" { policy = "read" }')
  assert.equal(hintFor(from, new ConsulRefusal(500, '', 'refused')), undefined)
  const error = noStart(from, 'http://a', denied, undefined)
  assert.equal(error.code, 'TULLE_CONSUL')
  assert.match(
    error.message,
    /^no policy: consul:\/\/mesh\.yaml at http:\/\/a: refused with 403; nothing is kept/,
  )
  assert.match(error.hint ?? '', /key "mesh\.yaml"/)
  const absent = noStart(from, 'http://a', new MeshError('TULLE_POLICY', 'there is no key'), 'it is damaged')
  assert.equal(absent.code, 'TULLE_POLICY')
  assert.match(absent.message, /what is kept is not used: it is damaged/)
})
