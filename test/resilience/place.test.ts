import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Outcome } from '../../src/core/outcome.ts'
import { Place } from '../../src/resilience/place.ts'
import { ok } from '../kit/outcomes.ts'

test('a place hands everything on, and is given back after those above have heard of the end', () => {
  const told: string[] = []
  const up = {
    sent: () => told.push('sent'),
    head: (_outcome: Outcome) => {
      told.push('head')
      return 'discard' as const
    },
    end: () => told.push('end'),
  }
  const place = new Place({ leave: () => told.push('left') }, up as never)
  place.sent()
  assert.equal(place.head(ok()), 'discard')
  place.end(ok())
  assert.deepEqual(told, ['sent', 'head', 'end', 'left'])
})
