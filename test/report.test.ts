import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { Description } from '../src/report.ts'

const description = new Description({
  service: 'orders',
  policyVersion: '4f1c',
  hosts: ['orders.internal:8080'],
  routes: [
    {
      name: 'orders.routes[0]',
      match: 'GET /v1/**',
      layers: [{ role: 'deadline', why: 'above retry', params: 2000 }],
    },
    { name: 'orders', match: '', layers: [{ role: 'retry', why: 'makes attempts', params: { limit: 2 } }] },
  ],
  endpointLayers: [{ role: 'load', why: 'below outlier', params: undefined }],
  endpoints: [
    {
      id: '127.0.0.1:1',
      weight: 1,
      zone: undefined,
      version: undefined,
      protocol: undefined,
      inFlight: 3,
      expectedMs: 12.5,
      ejected: true,
    },
  ],
})

test('a description prints one layer a line with parameters and reason', () => {
  assert.equal(
    inspect(description),
    [
      'orders  policy 4f1c  hosts orders.internal:8080',
      'orders.routes[0]  GET /v1/**',
      '  deadline     2000  above retry',
      'orders',
      '  retry        { limit: 2 }  makes attempts',
      'every endpoint',
      '  load         below outlier',
      'endpoints: 1',
      '  127.0.0.1:1              3 in flight, expected 12.5 ms, ejected',
    ].join('\n'),
  )
})
