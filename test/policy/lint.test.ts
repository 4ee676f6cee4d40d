import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compile } from '../../src/policy/compile.ts'
import { lint } from '../../src/policy/lint.ts'
import { problemText } from '../../src/policy/problem.ts'
import { goodPolicy, PIECES } from '../kit/policy.ts'

function warningsOf(service: string, level: 'warning' | 'note' = 'warning'): readonly string[] {
  const document = goodPolicy(`version: 1\nservices:\n  orders:\n${service}`)
  const { snapshot } = compile([document], PIECES, { version: 'v' })
  return lint([document], snapshot)
    .filter((warning) => warning.level === level)
    .map(problemText)
}

test('a route that an earlier one takes everything from is unreachable', () => {
  assert.deepEqual(
    warningsOf(`
    routes:
      - match: { path: /v1/** }
      - match: { path: /v1/items, method: [GET] }
      - match: { path: /v2/** }
`),
    [
      'services.orders.routes[1].match: unreachable: orders.routes[0] matches all of it and comes first (mesh.yaml:7:16)',
    ],
  )
})

test('an attempt that may take as long as its call leaves no time for another', () => {
  assert.deepEqual(
    warningsOf(`
    timeout: 1s
    retry: { tryTimeout: 500ms }
    routes:
      - match: { path: /a }
        timeout: 400ms
      - match: { path: /b }
        retry: { tryTimeout: 1s }
      - match: { path: /c }
        retry: false
`),
    [
      'services.orders.routes[0].timeout: tryTimeout (500ms) leaves no time for another attempt within timeout (400ms) (mesh.yaml:9:18)',
      'services.orders.routes[1].retry: tryTimeout (1000ms) leaves no time for another attempt within timeout (1000ms) (mesh.yaml:11:16)',
    ],
  )
})

test('retries asked for on a route that may not be executed twice rarely happen', () => {
  const message =
    'POST is not idempotent: only attempts that never left are made again, unless the caller sends Idempotency-Key or the route says idempotent: true'
  assert.deepEqual(
    warningsOf(`
    routes:
      - match: { method: [POST], path: /a }
        retry: { limit: 1 }
      - match: { method: [POST], path: /b }
        retry: { limit: 1 }
        idempotent: true
      - match: { method: [POST], path: /c }
      - match: { method: [POST, PUT], path: /d }
        retry: { limit: 1 }
      - match: { method: [POST], path: /e }
        retry: { limit: 0 }
`),
    [`services.orders.routes[0].retry: ${message} (mesh.yaml:7:16)`],
  )
})

test('a gRPC route is unreachable behind a path that takes all of its calls, not behind GET', () => {
  assert.deepEqual(
    warningsOf(`
    routes:
      - match: { method: [GET] }
      - match: { path: /pricing.v1.Pricing/* }
      - match: { grpc: { service: pricing.v1.Pricing, method: Quote } }
      - match: { grpc: { method: Quote } }
`),
    [
      'services.orders.routes[2].match: unreachable: orders.routes[1] matches all of it and comes first (mesh.yaml:8:16)',
    ],
  )
})

test('retries asked for on a gRPC route need its word or names of statuses', () => {
  assert.deepEqual(
    warningsOf(`
    routes:
      - match: { grpc: { method: Buy } }
        retry: { limit: 1 }
      - match: { grpc: { method: Quote } }
        retry: { limit: 1 }
        idempotent: true
      - match: { grpc: { method: List } }
        retry: { limit: 1, retryOn: [unavailable] }
`),
    [
      'services.orders.routes[0].retry: nobody said that these gRPC calls are idempotent: only attempts that never left are made again, unless retryOn names gRPC statuses or the route says idempotent: true (mesh.yaml:7:16)',
    ],
  )
})

test('a service without endpoints is noted, which is no warning', () => {
  assert.deepEqual(warningsOf('    timeout: 1s\n'), [])
  assert.deepEqual(warningsOf('    timeout: 1s\n', 'note'), [
    'services.orders: no endpoints here: discovery or TULLE_ENDPOINTS must know them (mesh.yaml:4:5)',
  ])
  assert.deepEqual(warningsOf('    endpoints: [127.0.0.1:1]\n', 'note'), [])
})
