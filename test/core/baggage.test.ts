import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { MAX_BAGGAGE_BYTES, MAX_BAGGAGE_MEMBERS, readBaggage } from '../../src/core/baggage.ts'

const read = (...lines: string[]) => readBaggage(lines)

describe('baggage', () => {
  test('the examples of the specification pass', () => {
    for (const line of [
      'key1=value1;property1;property2, key2 = value2, key3=value3; propertyKey=propertyValue',
      'userId=alice,serverNode=DF%2028,isProduction=false',
      'key=a=b==',
      'key=',
    ])
      assert.equal(read(line), line.replaceAll(', ', ','))
  })

  test('several lines are one list, in their order, duplicates kept', () => {
    assert.equal(
      read('userId=alice', 'serverNode=DF%2028, userId=bob'),
      'userId=alice,serverNode=DF%2028,userId=bob',
    )
  })

  test('members that break the grammar are left out, the others stay', () => {
    for (const bad of [
      '',
      'novalue',
      '=v',
      'a b=c',
      'k="v"',
      'k=v;',
      'k=v;=p',
      'k=v\\w',
      'k=\u00e9',
      'k=a b',
      'k=v\r\nx: y',
    ])
      assert.equal(read(`a=1,${bad},b=2`), 'a=1,b=2', bad)
    assert.equal(read(' , ,', '@'), undefined)
    assert.equal(read(), undefined)
  })

  test('at most 180 members are carried', () => {
    const members = Array.from({ length: 200 }, (_, at) => `k${at}=v`)
    assert.equal(read(members.join()), members.slice(0, MAX_BAGGAGE_MEMBERS).join())
  })

  test('8192 bytes are carried, one more costs the last member', () => {
    const first = `a=${'x'.repeat(MAX_BAGGAGE_BYTES - 6)}`
    assert.equal(read(first, 'b=1')?.length, MAX_BAGGAGE_BYTES)
    assert.equal(read(first, 'b=12'), first)
  })

  test('a long run of white space costs no more than its length', () => {
    assert.equal(read(`k=${' '.repeat(100_000)}"`), undefined)
    assert.equal(read(`k;${' \t'.repeat(50_000)}`), undefined)
  })

  test('whatever comes in, what goes out is bounded and reads the same again', () => {
    const member = fc.stringMatching(/^[a-z]{1,5}=[!-~ ]{0,30}$/)
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.array(member).map(String), fc.string())), (lines) => {
        const baggage = readBaggage(lines)
        if (baggage === undefined) return
        assert.ok(baggage.length <= MAX_BAGGAGE_BYTES)
        assert.equal(read(baggage), baggage)
      }),
    )
  })
})
