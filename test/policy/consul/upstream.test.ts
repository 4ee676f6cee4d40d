import assert from 'node:assert/strict'
import { test } from 'node:test'
import { baseOf, defaults, HTTP, levelOf, told } from '../../kit/consul-entries.ts'

const upstreams = (Defaults: object, ...Overrides: readonly object[]) =>
  defaults('web', { UpstreamConfig: { Defaults, Overrides } })

test('limits and passive health of our own service-defaults hold for everything we call, or for one', () => {
  const base = baseOf(
    HTTP,
    upstreams(
      {
        ConnectTimeoutMs: 500,
        Limits: { MaxConnections: 512, MaxPendingRequests: 0, MaxConcurrentRequests: 900 },
        PassiveHealthCheck: { MaxFailures: 3, BaseEjectionTime: '10s', MaxEjectionPercent: 20 },
      },
      { Name: 'orders', Limits: { MaxConcurrentRequests: 7 } },
    ),
    defaults('pricing', { Protocol: 'grpc' }),
  )
  const general = {
    connect: { timeout: 500 },
    limit: { inFlight: 512, queue: 0 },
    outlier: { consecutiveFailures: 3, baseEjection: 10_000, maxEjectedPercent: 0.2 },
  }
  assert.deepEqual(levelOf(base, 'anybody'), general)
  assert.deepEqual(levelOf(base, 'orders'), { ...general, limit: { inFlight: 7 } })
  assert.deepEqual(
    levelOf(base, 'pricing').limit,
    { inFlight: 900, queue: 0 },
    'a connection of HTTP/2 carries many calls',
  )
  assert.equal(
    base.services.get('orders')?.levels.at(-1)?.from.limit,
    'consul service-defaults/web UpstreamConfig.Overrides[0].Limits',
  )
  assert.equal(told(base).length, 1)
})

test('what another service says of those it calls is no concern of ours', () => {
  const base = baseOf(HTTP, defaults('shop', { UpstreamConfig: { Defaults: { ConnectTimeoutMs: 1 } } }))
  assert.equal(base.version, undefined)
})

test('ejection that is never enforced is none, and a limit of nothing is told', () => {
  const base = baseOf(
    HTTP,
    upstreams({ PassiveHealthCheck: { EnforcingConsecutive5xx: 0 }, Limits: { MaxConcurrentRequests: 0 } }),
  )
  assert.deepEqual(levelOf(base, 'anybody'), { outlier: false })
  assert.match(told(base).join(), /UpstreamConfig\.Defaults\.Limits: limit: /)
  const half = baseOf(
    HTTP,
    upstreams({ PassiveHealthCheck: { EnforcingConsecutive5xx: 50, Interval: '10s' }, Protocol: 'grpc' }),
  )
  assert.deepEqual(
    told(half).map((line) => line.split(': ')[0]),
    [
      'service-defaults/web UpstreamConfig.Defaults.PassiveHealthCheck.EnforcingConsecutive5xx',
      'service-defaults/web UpstreamConfig.Defaults.PassiveHealthCheck.Interval',
      'service-defaults/web UpstreamConfig.Defaults.Protocol',
    ],
  )
})
