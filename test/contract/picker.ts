import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { BalancerDeps, BalancerModule, Picker } from '../../src/balance/balancer.ts'
import { newLoad } from '../../src/balance/ewma.ts'
import type { Endpoint } from '../../src/core/endpoint.ts'
import { endpointId } from '../../src/core/endpoint.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { makeAttempt } from '../kit/builders.ts'
import { seeded } from '../kit/random.ts'

/** An endpoint as the balancers see it. */
export function makeEndpoint(n: number, weight = 1): Endpoint {
  const address = '127.0.0.1'
  const port = 4001 + n
  return { id: endpointId(address, port), address, port, weight, load: newLoad(1_000_000) }
}

export function makeEndpoints(weights: readonly number[]): Endpoint[] {
  return weights.map((weight, n) => makeEndpoint(n, weight))
}

export function makeBalancerDeps(seed = 1): BalancerDeps {
  return { clock: new ManualClock(), random: seeded(seed) }
}

/** How often each endpoint is picked in `picks` independent first attempts that end before the next begins. */
export function countPicks(
  picker: Picker<Endpoint>,
  endpoints: readonly Endpoint[],
  picks: number,
  tried: ReadonlySet<Endpoint> = new Set(),
): number[] {
  const counts = new Map(endpoints.map((endpoint) => [endpoint, 0]))
  for (let n = 0; n < picks; n++) {
    const picked = picker(makeAttempt({ tried }), tried) as Endpoint
    counts.set(picked, (counts.get(picked) as number) + 1)
  }
  return endpoints.map((endpoint) => counts.get(endpoint) as number)
}

const weights = fc.array(fc.integer({ min: 0, max: 10 }), { minLength: 1, maxLength: 12 })
const busyness = fc.array(
  fc.record({
    inFlight: fc.nat({ max: 50 }),
    ewmaMs: fc.double({ min: 0, max: 1e5, noNaN: true }),
    oldestAgoMs: fc.option(fc.nat({ max: 100_000 })),
    penaltyMs: fc.integer({ min: -1000, max: 300_000 }),
  }),
  { minLength: 12, maxLength: 12 },
)

function burden(
  endpoints: readonly Endpoint[],
  how: typeof busyness extends fc.Arbitrary<infer T> ? T : never,
): void {
  endpoints.forEach(({ load }, n) => {
    const { inFlight, ewmaMs, oldestAgoMs, penaltyMs } = how[n]!
    load.inFlight = inFlight
    load.ewmaMs = ewmaMs
    load.oldestMs = oldestAgoMs === null ? Number.POSITIVE_INFINITY : 1_000_000 - oldestAgoMs
    load.penaltyEndMs = 1_000_000 + penaltyMs
  })
}

/** What every balancer owes its callers, whatever the endpoints' state. */
export function pickerContract(balancer: BalancerModule): void {
  describe(`${balancer.name} keeps the contract of balancers`, () => {
    test('from nothing it picks nothing', () => {
      const picker = balancer.picker<Endpoint>([], makeBalancerDeps())
      assert.equal(picker(makeAttempt(), new Set()), undefined)
    })

    test('it picks one of the available, and never a tried one while there is another', () => {
      fc.assert(
        fc.property(
          weights,
          busyness,
          fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }),
          fc.nat(),
          (shares, how, marks, seed) => {
            const endpoints = makeEndpoints(shares)
            burden(endpoints, how)
            const tried = new Set(endpoints.filter((_, n) => marks[n]))
            const picker = balancer.picker(endpoints, makeBalancerDeps(seed))
            for (let n = 0; n < 20; n++) {
              const picked = picker(makeAttempt({ tried, number: tried.size + 1 }), tried)
              assert.ok(picked !== undefined && endpoints.includes(picked))
              assert.ok(!tried.has(picked) || tried.size === endpoints.length)
            }
          },
        ),
      )
    })

    test('endpoints tried but no longer available change nothing', () => {
      const endpoints = makeEndpoints([1, 1])
      const picker = balancer.picker(endpoints, makeBalancerDeps())
      const tried = new Set([makeEndpoint(7), makeEndpoint(8), makeEndpoint(9)])
      assert.ok(endpoints.includes(picker(makeAttempt({ tried }), tried)!))
    })

    test('idle endpoints are used in proportion to their weights', () => {
      fc.assert(
        fc.property(weights, fc.nat(), (shares, seed) => {
          const endpoints = makeEndpoints(shares)
          const picks = 6_000
          const counts = countPicks(balancer.picker(endpoints, makeBalancerDeps(seed)), endpoints, picks)
          const total = shares.reduce((sum, weight) => sum + weight, 0)
          shares.forEach((weight, n) => {
            const share = total === 0 ? 1 / shares.length : weight / total
            const sigma = Math.sqrt(picks * share * (1 - share))
            assert.ok(
              Math.abs(counts[n]! - picks * share) <= 5 * sigma + 1,
              `weight ${weight} of ${total}: ${counts[n]} of ${picks} picks`,
            )
          })
        }),
        { numRuns: 30 },
      )
    })

    test('an endpoint of weight 0 gets nothing while another has a weight and was not tried', () => {
      const endpoints = makeEndpoints([0, 3, 0, 1])
      const picker = balancer.picker(endpoints, makeBalancerDeps())
      const counts = countPicks(picker, endpoints, 2_000)
      assert.equal(counts[0]! + counts[2]!, 0)
    })

    test('retries leave no endpoint out: all untried ones are reached', () => {
      const endpoints = makeEndpoints([1, 1, 1, 1, 1, 1])
      const picker = balancer.picker(endpoints, makeBalancerDeps())
      const tried = new Set(endpoints.slice(0, 2))
      const counts = countPicks(picker, endpoints, 2_000, tried)
      for (const count of counts.slice(2)) assert.ok(count > 200, `${count} of 2000`)
    })

    test('where all were tried, the calls are spread over all again', () => {
      const endpoints = makeEndpoints([1, 1, 1])
      const picker = balancer.picker(endpoints, makeBalancerDeps())
      for (const count of countPicks(picker, endpoints, 900, new Set(endpoints))) assert.ok(count > 200)
    })

    test('equal chance gives equal choices: a seed repeats its run', () => {
      const run = (): (string | undefined)[] => {
        const endpoints = makeEndpoints([1, 2, 3])
        const picker = balancer.picker(endpoints, makeBalancerDeps(42))
        return Array.from({ length: 50 }, () => picker(makeAttempt(), new Set())?.id)
      }
      assert.deepEqual(run(), run())
    })
  })
}
