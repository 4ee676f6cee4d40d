import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { MAX_STATE_CHARACTERS, readTracestate } from '../../src/core/tracestate.ts'

const read = (...lines: string[]) => readTracestate(lines)
const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, at) => String.fromCharCode(from + at)).join('')

describe('tracestate', () => {
  test('a list is taken over as it is', () => {
    assert.equal(read('foo=1,bar=2'), 'foo=1,bar=2')
  })

  test('several lines are one list, in their order', () => {
    assert.equal(read('foo=1,bar=2', 'rojo=1,congo=2', 'baz=3'), 'foo=1,bar=2,rojo=1,congo=2,baz=3')
  })

  test('empty lines and empty members are allowed and not sent on', () => {
    assert.equal(read(''), undefined)
    assert.equal(read('foo=1', ''), 'foo=1')
    assert.equal(read('', 'foo=1'), 'foo=1')
    assert.equal(read(' , foo=1,, \t,bar=2,'), 'foo=1,bar=2')
  })

  test('a key given twice voids the list, within a line and across lines', () => {
    for (const lines of [['foo=1,foo=1'], ['foo=1,foo=2'], ['foo=1', 'foo=1'], ['foo=1', 'foo=2']])
      assert.equal(read(...lines), undefined)
  })

  test('every character the grammar allows is accepted', () => {
    const key = `${range(0x61, 0x7a)}0123456789_-*/`
    const value = range(0x20, 0x2b) + range(0x2d, 0x3c) + range(0x3e, 0x7e)
    assert.equal(read(`${key}=${value}`), `${key}=${value}`)
    assert.equal(read(`${key}@a-z0-9_-*/=${value}`), `${key}@a-z0-9_-*/=${value}`)
  })

  test('white space around members is ignored', () => {
    assert.equal(read('foo=1 \t , \t bar=2, \t baz=3'), 'foo=1,bar=2,baz=3')
    assert.equal(read('foo=1\t \t,\t \tbar=2,\t \tbaz=3'), 'foo=1,bar=2,baz=3')
    for (const line of [' foo=1', '\tfoo=1', 'foo=1 ', 'foo=1\t', '\t foo=1 \t'])
      assert.equal(read(line), 'foo=1')
  })

  test('an illegal key voids the list', () => {
    for (const member of [
      'foo =1',
      'FOO=1',
      'foo.bar=1',
      '=1',
      '_a=1',
      'foo',
      'foo@=1',
      '@foo=1',
      'foo@@bar=1',
      'foo@bar@baz=1',
    ])
      assert.equal(read(`${member},bar=2`), undefined, member)
  })

  test('an illegal value voids the list', () => {
    for (const member of ['foo=bar=baz', 'foo=', 'foo=\u00e9', 'foo=a\tb', `foo=${'v'.repeat(257)}`])
      assert.equal(read(`${member},bar=3`), undefined, member)
    assert.equal(read(`foo=${'v'.repeat(256)}`), `foo=${'v'.repeat(256)}`)
  })

  test('32 members are a list, 33 are none', () => {
    const members = Array.from({ length: 33 }, (_, at) => `bar${at}=${at}`)
    assert.equal(read(members.slice(0, 10).join(), members.slice(10, 32).join())?.split(',').length, 32)
    assert.equal(read(members.slice(0, 10).join(), members.slice(10).join()), undefined)
  })

  test('keys have the lengths of the specification', () => {
    assert.equal(read('foo=1', `${'z'.repeat(256)}=1`), `foo=1,${'z'.repeat(256)}=1`)
    assert.equal(read('foo=1', `${'z'.repeat(257)}=1`), undefined)
    assert.equal(read('foo=1', `${'t'.repeat(241)}@${'v'.repeat(14)}=1`)?.startsWith('foo=1,'), true)
    assert.equal(read('foo=1', `${'t'.repeat(242)}@v=1`), undefined)
    assert.equal(read('foo=1', `t@${'v'.repeat(15)}=1`), undefined)
  })

  test('a list that is too long loses its long members first, then its last', () => {
    const long = `long=${'x'.repeat(200)}`
    const short = Array.from({ length: 30 }, (_, at) => `k${at}=${'y'.repeat(10)}`)
    assert.equal(read([long, ...short].join()), short.join())
    const many = Array.from({ length: 20 }, (_, at) => `k${at}=${'y'.repeat(40)}`)
    const kept = read(many.join())!.split(',')
    assert.deepEqual(kept, many.slice(0, kept.length))
    assert.equal(kept.length, 11)
  })

  test('whatever comes in, what goes out is short enough and reads the same again', () => {
    const member = fc.stringMatching(/^[a-z][a-z0-9@]{0,20}=[ -~]{1,100}$/)
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.array(member, { maxLength: 8 }).map(String), fc.string())),
        (lines) => {
          const state = readTracestate(lines)
          if (state === undefined) return
          assert.ok(state.length <= MAX_STATE_CHARACTERS)
          assert.equal(read(state), state)
        },
      ),
    )
  })
})
