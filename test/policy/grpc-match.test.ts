import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Route, RouteMatch } from '../../src/core/plan.ts'
import { Glob } from '../../src/policy/glob.ts'
import { GrpcPath, grpcMatchSchema, grpcPattern } from '../../src/policy/grpc-match.ts'
import { covers, RouteTable } from '../../src/policy/match.ts'

const NAME = ['Quote', 'QuoteAll', 'All', 'a', 'a.v1.B', 'a.v1.BQuote', 'B']
const service = fc.constantFrom('a.v1.B', 'v1.B', 'a', 'All')
const method = fc.constantFrom('Quote', 'QuoteAll', 'All', 'a')
const grpc = fc.oneof(fc.record({ service }), fc.record({ method }), fc.record({ service, method }))
const path = fc
  .array(fc.constantFrom(...NAME, ''), { minLength: 1, maxLength: 3 })
  .map((segments) => `/${segments.join('/')}`)

/** What a match means, written the short and slow way: the method is what follows the last slash. */
function means(match: NonNullable<RouteMatch['grpc']>, text: string): boolean {
  const slash = text.lastIndexOf('/')
  const [ofService, ofMethod] = [text.slice(1, slash), text.slice(slash + 1)]
  if (slash < 2 || ofMethod === '') return false
  return (match.service ?? ofService) === ofService && (match.method ?? ofMethod) === ofMethod
}

test('a gRPC match compares the service, the method or both, whole', () => {
  let hits = 0
  fc.assert(
    fc.property(grpc, path, (match, text) => {
      assert.equal(new GrpcPath(match).matches(text), means(match, text), `${JSON.stringify(match)} ${text}`)
      if (means(match, text)) hits++
    }),
    { numRuns: 5000 },
  )
  assert.ok(hits > 50, `only ${hits} paths matched: the test says little`)
})

test('the pattern of a gRPC match matches everything the match does', () => {
  fc.assert(
    fc.property(grpc, path, (match, text) => {
      if (means(match, text)) assert.ok(new Glob(grpcPattern(match)).matches(text))
    }),
    { numRuns: 5000 },
  )
})

const route = (match?: RouteMatch): Route => ({
  service: 'pricing',
  name: JSON.stringify(match),
  match,
  params: {},
  policyVersion: '1',
  idempotent: false,
})
const anyMatch: fc.Arbitrary<RouteMatch> = fc.oneof(
  grpc.map((of) => ({ grpc: of })),
  fc.record(
    {
      path: fc.constantFrom('/**', '/*/*', '/a.v1.B/*', '/a.v1.B/**', '/a.v1.B/Quote', '/**/Quote'),
      method: fc.subarray(['GET', 'POST'], { minLength: 1 }),
    },
    { requiredKeys: ['path'] },
  ),
)
const call = fc.record({
  method: fc.constantFrom('GET', 'POST'),
  path,
  protocol: fc.constantFrom('http' as const, 'grpc' as const, undefined),
})

test('what a match covers it matches, whichever protocol a call is of', () => {
  let covering = 0
  fc.assert(
    fc.property(anyMatch, anyMatch, fc.array(call, { maxLength: 20 }), (wide, narrow, calls) => {
      if (!covers(wide, narrow)) return
      covering++
      const table = (match: RouteMatch) => new RouteTable([route(match)], route())
      for (const one of calls) {
        // gRPC calls are POST and nothing else.
        if (one.protocol === 'grpc' && one.method !== 'POST') continue
        const [a, b] = [wide, narrow].map(
          (match) => table(match).find(one.method, one.path, one.protocol).match !== undefined,
        )
        assert.ok(a || !b, `${JSON.stringify(one)}`)
      }
    }),
    { numRuns: 3000 },
  )
  assert.ok(covering > 100, `only ${covering} pairs covered each other: the test says little`)
})

test('a gRPC route is for gRPC calls alone, a path route for both', () => {
  const table = new RouteTable(
    [
      route({ grpc: { service: 'pricing.v1.Pricing' } }),
      route({ path: '/pricing.v1.Pricing/*', method: ['POST'] }),
    ],
    route(),
  )
  const found = (protocol?: 'http' | 'grpc') =>
    table.find('POST', '/pricing.v1.Pricing/Quote', protocol).match
  assert.deepEqual(found('grpc'), { grpc: { service: 'pricing.v1.Pricing' } })
  assert.deepEqual(found('http'), { path: '/pricing.v1.Pricing/*', method: ['POST'] })
  assert.deepEqual(found(), found('http'))
})

test('names are written as a .proto file writes them', () => {
  const accepts = (value: unknown): boolean => grpcMatchSchema.safeParse(value).success
  assert.ok(accepts({ service: 'pricing.v1.Pricing', method: 'Quote' }))
  assert.ok(accepts({ service: 'Pricing' }))
  assert.ok(accepts({ method: '_quote_2' }))
  for (const service of [
    '',
    '.Pricing',
    'pricing.',
    'a..b',
    'a/b',
    'a-b',
    '1a',
    'a.*',
    ' a',
    `a${'b'.repeat(256)}`,
    7,
  ])
    assert.ok(!accepts({ service }), String(service))
  for (const method of ['', 'a.b', '/Quote', 'Quote*', '2a', null])
    assert.ok(!accepts({ method }), String(method))
  assert.ok(!accepts({ method: 'Quote', host: 'x' }))
})
