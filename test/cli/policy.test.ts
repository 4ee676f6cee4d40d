import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { run } from '../../src/cli/program.ts'

async function file(t: TestContext, text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tulle-cli-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, 'mesh.yaml')
  await writeFile(path, text)
  return path
}

async function tulle(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  let out = ''
  let err = ''
  const code = await run(args, {
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
  })
  return { code, out, err }
}

const EXAMPLE = `
version: 1
defaults:
  timeout: 15s
  retry: { limit: 2, budget: { ratio: 20%, minPerSecond: 3 } }
services:
  orders:
    hosts: [orders.internal:8080]
    endpoints: [127.0.0.1:4001, 127.0.0.1:4002]
    balance: peak-ewma
    breaker: { errorThreshold: 50%, minRequests: 20, openFor: 10s }
    outlier: { consecutiveFailures: 5, baseEjection: 1s, maxEjection: 60s, maxEjectedPercent: 50 }
    limit: { inFlight: 1024, queue: 1024 }
    connect: { timeout: 1s, idleTimeout: 4s }
    routes:
      - match: { path: /v1/**, method: [GET] }
        timeout: 2s
        retry: { limit: 3, retryOn: [connect-failure, gateway-error, reset], tryTimeout: 500ms, backoff: { base: 25ms, max: 250ms } }
      - match: { path: /payments/**, method: [POST] }
        idempotent: true
        retry: { limit: 1, maxBody: 256KiB }
      - match: { path: /reports/** }
        timeout: 60s
        retry: false
`

test('the policy of the documentation passes, strictly too', async (t) => {
  const { code, out } = await tulle('policy', 'check', '--strict', await file(t, EXAMPLE))
  assert.equal(out, '1 document, 1 service: no mistakes, no warnings\n')
  assert.equal(code, 0)
})

test('a mistake is printed with its place, and the exit code is 1', async (t) => {
  const path = await file(t, EXAMPLE.replace('limit: 1, maxBody', 'limit: three, maxBody'))
  const { code, out } = await tulle('policy', 'check', path)
  const [first, last] = out.split('\n')
  assert.equal(
    first,
    `mistake  services.orders.routes[1].retry.limit: expected a whole number 0–10, found "three" (${path}:21:25)`,
  )
  assert.equal(last, 'no documents, no services: 1 mistake, no warnings')
  assert.equal(code, 1)
})

test('warnings fail a check only where it is strict, notes never do', async (t) => {
  const note = await file(t, 'version: 1\nservices: { orders: {} }\n')
  assert.equal((await tulle('policy', 'check', '--strict', note)).code, 0)
  const warned = await file(
    t,
    'version: 1\nservices:\n  orders:\n    endpoints: [127.0.0.1:1]\n    routes:\n      - match: { path: /** }\n      - match: { path: /a }\n',
  )
  const { code, out } = await tulle('policy', 'check', warned)
  assert.match(out, /^warning {2}services\.orders\.routes\[1\]\.match: unreachable: orders\.routes\[0\]/)
  assert.equal(code, 0)
  assert.equal((await tulle('policy', 'check', '--strict', warned)).code, 1)
})

test('--json says the same to a program', async (t) => {
  const path = await file(t, 'version: 1\nservises: {}\n')
  const { code, out } = await tulle('policy', 'check', '--json', path)
  assert.deepEqual(JSON.parse(out), {
    mistakes: [
      { path: 'servises', message: 'unknown key; did you mean services?', file: path, line: 2, column: 1 },
    ],
    warnings: [],
    documents: 0,
    services: 0,
  })
  assert.equal(code, 1)
})

test('policy schema prints the JSON Schema of what the stack is made of', async () => {
  const { code, out } = await tulle('policy', 'schema')
  const schema = JSON.parse(out)
  assert.equal(code, 0)
  assert.deepEqual(Object.keys(schema.properties), ['version', 'defaults', 'services'])
  const service = Object.keys(schema.properties.services.additionalProperties.properties)
  for (const key of [
    'timeout',
    'retry',
    'breaker',
    'limit',
    'outlier',
    'balance',
    'connect',
    'routes',
    'endpoints',
  ])
    assert.ok(service.includes(key), key)
})

test('a command line that makes no sense is answered with 2', async () => {
  assert.equal((await tulle('policy', 'check')).code, 2)
  assert.equal((await tulle('polcy')).code, 2)
  assert.equal((await tulle('policy', 'check', '--bogus', 'x')).code, 2)
  assert.match((await tulle('polcy')).err, /policy/)
})

test('help is no mistake', async () => {
  const { code, out } = await tulle('--help')
  assert.equal(code, 0)
  assert.match(out, /Usage: tulle/)
})
