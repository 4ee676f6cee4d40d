import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Answer, Figures } from '../../../examples/demo/figures.ts'

function answer(over: Partial<Answer>): Answer {
  const nothing = {
    by: undefined,
    from: undefined,
    without: undefined,
    pricedBy: undefined,
    unpriced: undefined,
    problem: undefined,
  }
  return { kind: 'get', ms: 5, status: 200, ...nothing, ...over }
}

function figuresOf(...answers: Answer[]): Figures {
  const figures = new Figures()
  for (const one of answers) {
    figures.sent(one.kind)
    figures.add(one)
  }
  return figures
}

test('GETs and keyed POSTs count together, plain POSTs apart', () => {
  const figures = figuresOf(
    answer({}),
    answer({ kind: 'keyed', status: 502 }),
    answer({ kind: 'plain', status: 0 }),
  )
  assert.deepEqual([figures.user.sent, figures.user.ok, figures.user.failed], [2, 1, 1])
  assert.deepEqual([figures.plain.sent, figures.plain.ok, figures.plain.failed], [1, 0, 1])
})

test('a request is in flight until its answer came', () => {
  const figures = new Figures()
  figures.sent('get')
  figures.sent('plain')
  assert.equal(figures.inFlight, 2)
  figures.add(answer({ kind: 'plain' }))
  assert.equal(figures.inFlight, 1)
})

test('percentiles are in milliseconds, and leave plain POSTs out', () => {
  const figures = figuresOf(
    ...Array.from({ length: 99 }, () => answer({ ms: 4 })),
    answer({ ms: 80 }),
    answer({ kind: 'plain', ms: 5000 }),
  )
  assert.equal(Math.round(figures.percentile(50)), 4)
  assert.equal(Math.round(figures.percentile(100)), 80)
  assert.equal(new Figures().percentile(99), 0)
})

test('the share of an instance is of all good answers', () => {
  const figures = figuresOf(
    answer({ by: 'orders-1' }),
    answer({ by: 'orders-1' }),
    answer({ by: 'orders-2' }),
    answer({ by: 'orders-2', status: 503 }),
  )
  assert.equal(figures.share('orders-1'), 2 / 3)
  assert.equal(figures.share('orders-9'), 0)
})

test('the first problems are kept, in words', () => {
  const figures = figuresOf(answer({ status: 0, problem: 'ECONNRESET' }), answer({ status: 502, ms: 12.4 }))
  assert.deepEqual(figures.problems, ['get no answer after 5 ms: ECONNRESET', 'get answered 502 after 12 ms'])
})

test('an item without its price is counted, and why it has none is told', () => {
  const figures = figuresOf(answer({ pricedBy: 'pricing-1' }), answer({ unpriced: '14 UNAVAILABLE: gone' }))
  assert.equal(figures.unpriced, 1)
  assert.deepEqual(figures.problems, ['without a price: 14 UNAVAILABLE: gone'])
})
