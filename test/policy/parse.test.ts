import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LOCAL_NAMES } from '../../src/policy/hosts.ts'
import { createParser } from '../../src/policy/parse.ts'
import { goodPolicy, mistakesIn, PIECES, readPolicy } from '../kit/policy.ts'

const services = (yaml: string): string => `version: 1\nservices:\n${yaml}`

test('a document is parsed into units the layers use', () => {
  const { defaults, services: found } = goodPolicy(`
version: 1
defaults: { timeout: 15s, retry: { budget: { ratio: 20% } } }
services:
  orders:
    hosts: [Orders.Internal:8080]
    endpoints: [127.0.0.1:4001, '[::1]:80', { address: orders.internal:4001, weight: 3, zone: a, meta: { rack: '7' } }]
    routes:
      - { match: { path: /v1/**, method: [get] }, timeout: 1m30s, retry: false }
`)
  assert.deepEqual(defaults, { timeout: 15_000, retry: { budget: { ratio: 0.2 } } })
  assert.deepEqual(found.get('orders'), {
    hosts: ['orders.internal:8080'],
    endpoints: [
      { address: '127.0.0.1', port: 4001 },
      { address: '::1', port: 80 },
      { address: 'orders.internal', port: 4001, weight: 3, zone: 'a', meta: { rack: '7' } },
    ],
    routes: [{ match: { path: '/v1/**', method: ['GET'] }, timeout: 90_000, retry: false }],
  })
})

const MISTAKES: Readonly<Record<string, readonly [string, ...string[]]>> = {
  'a word where a number belongs': [
    services('  orders:\n    routes:\n      - match: { path: /a }\n        retry: { limit: three }\n'),
    'services.orders.routes[0].retry.limit: expected a whole number 0–10, found "three" (mesh.yaml:6:25)',
  ],
  'a number past its range': [
    services('  orders: { retry: { limit: 11 } }\n'),
    'services.orders.retry.limit: expected a whole number 0–10, found 11 (mesh.yaml:3:29)',
  ],
  'a duration without a unit': [
    services('  orders: { timeout: 500 }\n'),
    'services.orders.timeout: expected a duration such as 250ms, 2s or 1m30s, found 500 (mesh.yaml:3:22)',
  ],
  'a misspelt key': [
    services('  orders:\n    timout: 2s\n'),
    'services.orders.timout: unknown key; did you mean timeout? (mesh.yaml:4:5)',
  ],
  'a misspelt key inside what may also be false': [
    services('  orders:\n    retry: { limmit: 2 }\n'),
    'services.orders.retry.limmit: unknown key; did you mean limit? (mesh.yaml:4:14)',
  ],
  'a key like no other': [
    services('  orders:\n    match: { path: /a, verb: [GET] }\n').replace(
      '    match',
      '    routes:\n      - match',
    ),
    'services.orders.routes[0].match.verb: unknown key; expected one of path, method, grpc (mesh.yaml:5:28)',
  ],
  'a misspelt section': [
    'version: 1\nservises: {}\n',
    'servises: unknown key; did you mean services? (mesh.yaml:2:1)',
  ],
  'true where only false or settings are accepted': [
    services('  orders: { retry: true }\n'),
    'services.orders.retry: expected false or an object with limit, retryOn, tryTimeout, backoff and maxBody, and budget, found true (mesh.yaml:3:20)',
  ],
  'shared state on a route': [
    services('  orders:\n    routes:\n      - match: { path: /a }\n        fuse: {}\n'),
    'services.orders.routes[0].fuse: belongs to the service: its routes share one (mesh.yaml:6:9)',
  ],
  'a shared part of a setting on a route': [
    services(
      '  orders:\n    routes:\n      - match: { path: /a }\n        retry: { budget: { ratio: 20% } }\n',
    ),
    'services.orders.routes[0].retry.budget: belongs to the service: its routes share one (mesh.yaml:6:18)',
  ],
  'what belongs to one service among the defaults': [
    'version: 1\ndefaults:\n  endpoints: [127.0.0.1:1]\n',
    'defaults.endpoints: belongs to one service, not to all (mesh.yaml:3:3)',
  ],
  'no version': ['services: {}\n', 'version: expected 1, found nothing (mesh.yaml:1:1)'],
  'a version from the future': ['version: 2\n', 'version: expected 1, found 2 (mesh.yaml:1:10)'],
  'a service with nothing under it': [
    services('  orders:\n'),
    'services.orders: expected a mapping, found nothing (mesh.yaml:3:10)',
  ],
  'a service name with a dot': [
    services('  orders.v2: {}\n'),
    'services["orders.v2"]: expected a service name: lower-case letters, digits and inner hyphens, at most 63 (mesh.yaml:3:3)',
  ],
  'an endpoint without a port': [
    services('  orders: { endpoints: [127.0.0.1] }\n'),
    'services.orders.endpoints[0]: expected an address with a port, such as 127.0.0.1:4001, [::1]:4001 or orders.internal:4001, found "127.0.0.1" (mesh.yaml:3:25)',
  ],
  'an endpoint twice': [
    services('  orders: { endpoints: [127.0.0.1:1, 127.0.0.1:1] }\n'),
    'services.orders.endpoints[1]: the same address twice, found "127.0.0.1:1" (mesh.yaml:3:38)',
  ],
  'an endpoint object with a weight of zero': [
    services('  orders:\n    endpoints:\n      - { address: 127.0.0.1:1, weight: 0 }\n'),
    'services.orders.endpoints[0].weight: expected a whole number 1–1000, found 0 (mesh.yaml:5:41)',
  ],
  'a method that is no list': [
    services('  orders: { routes: [{ match: { method: GET } }] }\n'),
    'services.orders.routes[0].match.method: expected a list of methods such as [GET, HEAD], found "GET" (mesh.yaml:3:41)',
  ],
  'a route that says nothing of what it matches': [
    services('  orders: { routes: [{ match: {} }] }\n'),
    'services.orders.routes[0].match: expected path, method or both, or grpc, found a mapping (mesh.yaml:3:31)',
  ],
  'a gRPC match that names nothing': [
    services('  orders: { routes: [{ match: { grpc: {} } }] }\n'),
    'services.orders.routes[0].match.grpc: expected service, method or both, found a mapping (mesh.yaml:3:39)',
  ],
  'a gRPC match beside a path': [
    services('  orders: { routes: [{ match: { path: /a, grpc: { method: Quote } } }] }\n'),
    'services.orders.routes[0].match.grpc: expected grpc alone, without path and method (a gRPC call is a POST of /service/method), found a mapping (mesh.yaml:3:49)',
  ],
  'a gRPC service written as a path': [
    services('  orders: { routes: [{ match: { grpc: { service: /pricing.v1.Pricing } } }] }\n'),
    'services.orders.routes[0].match.grpc.service: expected the full name of a gRPC service such as pricing.v1.Pricing, found "/pricing.v1.Pricing" (mesh.yaml:3:50)',
  ],
  'a gRPC method with its service': [
    services('  orders: { routes: [{ match: { grpc: { method: Pricing/Quote } } }] }\n'),
    'services.orders.routes[0].match.grpc.method: expected the name of a gRPC method such as Quote, found "Pricing/Quote" (mesh.yaml:3:49)',
  ],
  'a route without match': [
    services('  orders:\n    routes:\n      - timeout: 1s\n'),
    'services.orders.routes[0].match: expected a mapping, found nothing (mesh.yaml:5:9)',
  ],
  'a path that is relative': [
    services('  orders: { routes: [{ match: { path: v1/** } }] }\n'),
    'services.orders.routes[0].match.path: a path pattern begins with /, found "v1/**" (mesh.yaml:3:39)',
  ],
  'a regular expression for a path': [
    services('  orders: { routes: [{ match: { path: "/(a+)+$**" } }] }\n'),
    'services.orders.routes[0].match.path: ** stands alone between slashes, found "/(a+)+$**" (mesh.yaml:3:39)',
  ],
  'a host that policy may not claim': [
    services('  orders: { hosts: [api.example.com] }\n'),
    'services.orders.hosts[0]: api.example.com is not a name a policy may claim here; allowed are *, *.mesh, *.internal, *.local, *.svc, *.consul (TULLE_POLICY_HOSTS) (mesh.yaml:3:21)',
  ],
  'an address as a host': [
    services('  orders: { hosts: [127.0.0.1] }\n'),
    'services.orders.hosts[0]: expected a host name, with a port or without, such as orders.internal:8080, found "127.0.0.1" (mesh.yaml:3:21)',
  ],
  'a list at the top': ['- a\n', 'expected a mapping, found a list (mesh.yaml:1:1)'],
}

for (const [what, [text, ...expected]] of Object.entries(MISTAKES))
  test(`mistake: ${what}`, () => assert.deepEqual(mistakesIn(text), expected))

test('all mistakes are reported, in the order of the text', () => {
  const text = services(
    '  orders:\n    timeout: 5\n    bogus: 1\n  stock:\n    retry: { limit: -1, maxBody: 1TB }\n',
  )
  assert.deepEqual(
    readPolicy(text).problems?.map(({ path, line }) => [path, line]),
    [
      ['services.orders.timeout', 4],
      ['services.orders.bogus', 5],
      ['services.stock.retry.limit', 7],
      ['services.stock.retry.maxBody', 7],
    ],
  )
})

test('at most fifty mistakes are reported', () => {
  const many = Array.from({ length: 80 }, (_, i) => `  s${i}: { timeout: 5 }\n`).join('')
  assert.equal(mistakesIn(services(many)).length, 50)
})

test('keys that reach for prototypes are refused wherever they stand, and nothing is polluted', () => {
  for (const key of ['__proto__', 'constructor', 'prototype']) {
    for (const text of [
      `{"version":1,"${key}":{"polluted":true}}`,
      `{"version":1,"services":{"${key}":{"polluted":true}}}`,
      `{"version":1,"services":{"orders":{"retry":{"${key}":{"limit":3}}}}}`,
    ]) {
      const [mistake, ...more] = mistakesIn(text, 'mesh.json')
      assert.match(mistake ?? '', /this key is never accepted \(mesh\.json:1:\d+\)$/)
      assert.deepEqual(more, [])
    }
  }
  assert.equal(({} as Record<string, unknown>).polluted, undefined)
})

test('a value without a text is judged too, and its mistakes name no line', () => {
  const parse = createParser({ pieces: PIECES, allowedHosts: LOCAL_NAMES })
  const { problems } = parse({ name: 'option policy', version: 'x', value: { version: 1, services: 7 } })
  assert.deepEqual(problems, [
    {
      path: 'services',
      message: 'expected a mapping, found 7',
      file: 'option policy',
      line: undefined,
      column: undefined,
    },
  ])
})

test('a document nested without end is refused', () => {
  let value: unknown = {}
  for (let i = 0; i < 100; i++) value = { a: value }
  const parse = createParser({ pieces: PIECES, allowedHosts: LOCAL_NAMES })
  assert.match(parse({ name: 'x', version: 'x', value }).problems?.[0]?.message ?? '', /deeper than 32/)
})

test('whatever a document holds, parsing answers with a document or with mistakes', () => {
  const key = fc.constantFrom(
    'version',
    'services',
    'defaults',
    'orders',
    'routes',
    'match',
    'retry',
    'timeout',
    'a',
    '__proto__',
  )
  const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom<unknown>(null, true, false, 1, '2s', 'GET', '/v1/**', ''),
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(key, tie('tree'), { maxKeys: 5 }),
    ),
  }))
  const parse = createParser({ pieces: PIECES, allowedHosts: LOCAL_NAMES })
  fc.assert(
    fc.property(tree, (value) => {
      const { document, problems } = parse({ name: 'x', version: 'x', value })
      assert.ok(document !== undefined || problems.length > 0)
    }),
  )
})
