import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { InFlight, type Listed } from '../../src/server/in-flight.ts'

class Member implements Listed {
  older: Listed | undefined = undefined
  newer: Listed | undefined = undefined
  listed = false
}

test('it holds what a Set would, in the same order, whatever comes and goes', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(9))), (steps) => {
      const members = Array.from({ length: 10 }, () => new Member())
      const list = new InFlight<Member>()
      const model = new Set<Member>()
      for (const [comes, index] of steps) {
        const member = members[index] as Member
        if (comes) list.add(member)
        else list.delete(member)
        if (comes) model.add(member)
        else model.delete(member)
        assert.equal(list.size, model.size)
        assert.deepEqual(
          list.all().map((one) => members.indexOf(one)),
          [...model].map((one) => members.indexOf(one)),
        )
      }
    }),
  )
})

test('one that has left points at nobody, so that it can keep nobody alive', () => {
  const list = new InFlight<Member>()
  const members = [new Member(), new Member(), new Member()]
  for (const member of members) list.add(member)
  const [, middle] = members as [Member, Member, Member]
  list.delete(middle)
  assert.deepEqual([middle.older, middle.newer], [undefined, undefined])
})

test('those who leave while the list is walked do not disturb the walk', () => {
  const list = new InFlight<Member>()
  const members = [new Member(), new Member(), new Member()]
  for (const member of members) list.add(member)
  let seen = 0
  for (const member of list.all()) {
    seen++
    list.delete(member)
  }
  assert.deepEqual([seen, list.size], [3, 0])
})
