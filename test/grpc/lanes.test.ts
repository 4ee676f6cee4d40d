import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Lane } from '../../src/grpc/lane.ts'
import { Lanes } from '../../src/grpc/lanes.ts'

test('channels with equal options share a lane, and their options are read once, whoever calls in between', () => {
  const made: string[] = []
  const lanes = new Lanes((_, name) => {
    made.push(name)
    return {} as Lane
  })
  let read = 0
  const options = (ms: number) => ({
    get 'grpc.keepalive_time_ms'() {
      read++
      return ms
    },
  })
  const [one, another, equal] = [options(1000), options(2000), options(1000)]
  const first = lanes.of(one)
  for (let n = 0; n < 10; n++) {
    assert.notEqual(lanes.of(another), first)
    assert.equal(lanes.of(equal), first)
    assert.equal(lanes.of(one), first)
  }
  assert.equal(made.length, 2)
  assert.equal(read, 3)
  assert.equal([...lanes.all()].length, 2)
})
