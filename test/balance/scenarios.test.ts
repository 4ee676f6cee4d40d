import assert from 'node:assert/strict'
import { test } from 'node:test'
import { scenarioNamed } from '../../bench/simulate/scenarios.ts'
import { balancers } from '../../src/balance/index.ts'
import { answered } from '../kit/outcomes.ts'
import { normal, percentile, type Server, Simulation, shareOf } from '../kit/simulation.ts'

/** The scenarios of PERFORMANCE.md and rows 12 and 13 of FAULTS.md: virtual time, fixed seeds. */

const SEEDS = [1, 2, 3]
const times = <T>(count: number, make: (n: number) => T): T[] =>
  Array.from({ length: count }, (_, n) => make(n))
/** The first figure of a scenario, which is the one it is about. */
const figure = (scenario: string, balance: string, seed: number): number =>
  scenarioNamed(scenario).run(balance, seed)[0] ?? Number.NaN
const steady: Server = (_now, random) => ({ afterMs: Math.max(1, normal(20, 2, random)) })

test('S1: a server slow for 30 of 60 seconds costs peak-ewma at most 0.08 % of the calls their second', (t) => {
  for (const seed of SEEDS) {
    const rates = new Map(balancers.map(({ name }) => [name, figure('S1', name, seed)]))
    t.diagnostic(
      `seed ${seed}: ${[...rates].map(([name, rate]) => `${name} ${rate.toFixed(3)} %`).join(', ')}`,
    )
    assert.ok(rates.get('peak-ewma')! >= 99.92)
    assert.ok(rates.get('peak-ewma')! > rates.get('least-request')!)
    assert.ok(rates.get('least-request')! > rates.get('round-robin')!)
  }
})

test('S2: where speeds change all the time, p99 at 90 % of the load stays below half of what requests in flight give', (t) => {
  const [, ours = 0] = scenarioNamed('S2').run('peak-ewma', 1)
  const [, theirs = 0] = scenarioNamed('S2').run('least-request', 1)
  t.diagnostic(`p99 peak-ewma ${ours.toFixed(0)} ms, least-request ${theirs.toFixed(0)} ms`)
  assert.ok(ours < 329 && 2 * ours < theirs)
})

test('S3: with two of sixteen servers sixteen times slower, p99 is at least eight times below round robin', (t) => {
  for (const seed of SEEDS) {
    const ours = figure('S3', 'peak-ewma', seed)
    const theirs = figure('S3', 'round-robin', seed)
    t.diagnostic(`seed ${seed}: p99 peak-ewma ${ours.toFixed(1)} ms, round-robin ${theirs.toFixed(1)} ms`)
    assert.ok(theirs >= 8 * ours)
  }
})

test('S4: four equal servers under a closed loop do as much as with round robin, within 3 %', (t) => {
  for (const seed of SEEDS) {
    const ours = figure('S4', 'peak-ewma', seed)
    const theirs = figure('S4', 'round-robin', seed)
    t.diagnostic(`seed ${seed}: peak-ewma ${ours.toFixed(1)}/s, round-robin ${theirs.toFixed(1)}/s`)
    assert.ok(ours >= theirs * 0.97)
  }
})

test('S5: a server that answers 503 in a millisecond gets less than half its share within one second, even without ejection', (t) => {
  const count = 10
  const failing: Server = () => ({ afterMs: 1, outcome: answered('gateway-error') })
  for (const balance of ['peak-ewma', 'least-request']) {
    for (const outlier of [undefined, false]) {
      for (const seed of SEEDS) {
        const params = { balance, ...(outlier === false ? { outlier } : {}) }
        const run = new Simulation([failing, ...times(count - 1, () => steady)], params, seed).openLoop(
          1_000,
          20,
        )
        const firstSecond = shareOf(
          run.samples.filter(({ atMs }) => atMs < 1_000),
          0,
        )
        const later = shareOf(
          run.samples.filter(({ atMs }) => atMs >= 1_000),
          0,
        )
        t.diagnostic(
          `${balance}, outlier ${outlier ?? 'on'}, seed ${seed}: ${(firstSecond * 100).toFixed(2)} % in the first second, ${(later * 100).toFixed(3)} % after it`,
        )
        assert.ok(firstSecond < 1 / (2 * count))
        assert.ok(later < 1 / (2 * count))
      }
    }
  }
})

test('FAULTS 12: one of N fails in a millisecond; after five seconds no balancer gives it half its share', (t) => {
  const count = 5
  const failing: Server = () => ({ afterMs: 1, outcome: answered('5xx') })
  for (const { name: balance } of balancers) {
    const run = new Simulation([failing, ...times(count - 1, () => steady)], { balance }, 1).openLoop(500, 30)
    const share = shareOf(
      run.samples.filter(({ atMs }) => atMs >= 5_000),
      0,
    )
    t.diagnostic(
      `${balance}: ${(share * 100).toFixed(3)} % of the calls, ${run.events.of('ejected').length} ejections`,
    )
    assert.ok(share < 1 / (2 * count))
  }
})

test('a server that failed for a while has its share back ten seconds after it answers again', (t) => {
  const count = 5
  const healing: Server = (now, random) =>
    now < 10_000 ? { afterMs: 1, outcome: answered('gateway-error') } : steady(now, random)
  for (const { name: balance } of balancers) {
    const run = new Simulation([healing, ...times(count - 1, () => steady)], { balance }, 1).openLoop(500, 60)
    const healed = run.samples.filter(({ atMs }) => atMs >= 20_000)
    const share = shareOf(healed, 0)
    t.diagnostic(`${balance}: ${(share * 100).toFixed(1)} % of the calls from 10 s after it healed`)
    assert.ok(share > 0.7 / count)
  }
})

test('FAULTS 13: one of N is a hundred times slower; within ten seconds p99 is below twice the healthy p99', (t) => {
  const slow: Server = (now, random) => ({ afterMs: steady(now, random).afterMs * 100 })
  const p99 = (first: Server, seed: number): number => {
    const { samples } = new Simulation([first, ...times(9, () => steady)], {}, seed).openLoop(500, 30)
    return percentile(
      samples.filter(({ atMs }) => atMs >= 10_000),
      0.99,
    )
  }
  for (const seed of SEEDS) {
    const broken = p99(slow, seed)
    const healthy = p99(steady, seed)
    t.diagnostic(`seed ${seed}: p99 ${broken.toFixed(1)} ms with it, ${healthy.toFixed(1)} ms without`)
    assert.ok(broken < 2 * healthy)
  }
})
