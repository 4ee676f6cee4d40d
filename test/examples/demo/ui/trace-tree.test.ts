import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SpanRecord } from '../../../../examples/demo/messages.ts'
import { columns, painted, unpainted } from '../../../../examples/demo/ui/paint.ts'
import { depthOf, rootsOf, traceTree } from '../../../../examples/demo/ui/trace-tree.ts'

function span(
  id: string,
  parentId: string | undefined,
  service: string,
  from: number,
  to: number,
): SpanRecord {
  return {
    service,
    traceId: 't',
    spanId: id,
    parentId,
    name: `span ${id}`,
    kind: 'internal',
    startMs: 1000 + from,
    endMs: 1000 + to,
    failed: id === 'b',
    attributes: {},
  }
}

const spans = [
  span('c', 'a', 'orders', 4, 9),
  span('a', 'caller', 'web', 0, 10),
  span('b', 'a', 'web', 1, 3),
  span('d', 'c', 'stock', 5, 8),
]

test('the roots are the spans whose parent is not among them', () => {
  assert.deepEqual(
    rootsOf(spans).map((one) => one.spanId),
    ['a'],
  )
})

test('children hang under their parent in the order they began, each with its stretch of time', () => {
  const lines = traceTree(spans, unpainted).map((line) => line.replace(/ {2,}/g, '  '))
  assert.deepEqual(lines, [
    'web  span a  10 ms ━━━━━━━━━━━━━━━━━━━━',
    'web  ├ span b  2.0 ms  ━━━━',
    'orders  └ span c  5.0 ms  ━━━━━━━━━━',
    'stock  └ span d  3.0 ms  ━━━━━━',
  ])
})

test('the depth counts the longest way down', () => {
  assert.equal(depthOf(spans), 3)
  assert.equal(depthOf([]), 0)
})

test('no line is wider than 80 columns, however deep the tree and however long the names', () => {
  const deep = Array.from({ length: 30 }, (_, i) => ({
    ...span(String(i), i === 0 ? undefined : String(i - 1), 'a-long-service-name', i, 90 - i),
    name: 'GET /a/very/long/pattern/of/a/route/:with/:many/:parameters',
  }))
  for (const paint of [painted, unpainted])
    for (const line of traceTree(deep, paint)) assert.ok(columns(line) <= 80, line)
})
