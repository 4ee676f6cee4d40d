import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ARMS } from '../../bench/arms/index.ts'
import { type Budget, bestOf, judge, readBudgets, verdictsReport } from '../../bench/budgets.ts'
import { GROUP } from './fixtures.ts'

const budget = (over: Partial<Budget>): Budget => ({
  group: 'http',
  arm: 'mesh',
  over: 'dispatch',
  method: 'GET',
  of: 'main',
  atMost: 1.4,
  ...over,
})

test('a ratio is held against its budget without what equal arms differ by', () => {
  const [verdict] = judge([budget({})], [GROUP])
  assert.equal(verdict?.ratio, 1.6)
  assert.ok(Math.abs((verdict?.certainly ?? 0) - 1.28) < 1e-9, 'a fifth less, as equals differ by a fifth')
  assert.equal(verdict?.kept, true)
  const [tight] = judge([budget({ atMost: 1.27 })], [GROUP])
  assert.equal(tight?.kept, false)
  assert.match(verdictsReport([tight!]), /^EXCEEDED {2}http GET: mesh over dispatch, main: × 1\.60/)
})

test('allocations are counted as they are, and totals by themselves', () => {
  const of = (kind: Budget['of']) => judge([budget({ of: kind })], [GROUP])[0]?.certainly
  assert.equal(of('bytes'), 1.8)
  assert.equal(of('total')?.toFixed(3), '1.235')
})

test('a machine on which equals differ twofold excuses no more than a quarter', () => {
  const wild = GROUP.arms.map((result) =>
    result.arm.again === undefined
      ? result
      : { ...result, costs: result.costs.map((costs) => ({ ...costs, mainUs: [20, 20] })) },
  )
  const [verdict] = judge([budget({})], [{ ...GROUP, arms: wild }])
  assert.ok(Math.abs((verdict?.certainly ?? 0) - 1.2) < 1e-9)
})

test('a window in which somebody else had the machine is no cost', () => {
  const disturbed = GROUP.arms.map((result) => ({
    ...result,
    costs: result.costs.map((costs) => ({ ...costs, mainUs: [90, ...costs.mainUs] })),
  }))
  assert.equal(judge([budget({})], [{ ...GROUP, arms: disturbed }])[0]?.ratio, 1.6)
})

test('of two looks the better one counts, for each budget by itself', () => {
  const [main, total] = [budget({ atMost: 1.2 }), budget({ of: 'total', atMost: 1.2 })]
  const first = judge([main, total], [GROUP])
  assert.deepEqual(
    first.map(({ kept }) => kept),
    [false, false],
  )
  const quieter = first.map((verdict) => ({ ...verdict, certainly: 1.1, kept: true }))
  assert.deepEqual(
    bestOf(first, quieter.slice(0, 1)).map(({ kept }) => kept),
    [true, false],
  )
  const dearer = first.map((verdict) => ({ ...verdict, certainly: 9 }))
  assert.deepEqual(bestOf(first, dearer), first)
})

test('a ratio that is no number is not kept', () => {
  const [mesh, ...rest] = GROUP.arms.slice(1)
  const unmeasured = { ...mesh!, costs: mesh!.costs.map((costs) => ({ ...costs, bytesPerCall: Number.NaN })) }
  const group = { ...GROUP, arms: [GROUP.arms[0]!, unmeasured, ...rest] }
  assert.equal(judge([budget({ of: 'bytes' })], [group])[0]?.kept, false)
})

test('the memory of an endpoint is held against an unused Pool', () => {
  const memory = budget({ group: 'scale', arm: 'endpoints', over: 'pools', of: 'memory', atMost: 0.03 })
  const scale = [
    { of: 'endpoints', size: 10, bytesEach: 9000 },
    { of: 'endpoints', size: 1000, bytesEach: 400 },
    { of: 'pools', size: 1000, bytesEach: 20_000 },
  ] as const
  const [verdict] = judge([memory], [], scale)
  assert.equal(verdict?.ratio, 0.02)
  assert.equal(verdict?.kept, true)
  assert.deepEqual(judge([memory], []), [], 'where it was not measured nothing is said')
})

test('what was not measured is not judged', () => {
  assert.deepEqual(judge([budget({ group: 'tls' }), budget({ arm: 'other' })], [GROUP]), [])
})

test('every budget of the file is about arms that there are', () => {
  for (const { group, arm, over, method = 'GET', of } of readBudgets()) {
    if (of === 'memory') continue
    const names = ARMS.filter((one) => one.group === group && (one.methods ?? ['GET']).includes(method))
    for (const name of [arm, over])
      assert.ok(
        names.some((one) => one.name === name),
        `${group} ${method}: no arm ${name}`,
      )
  }
})
