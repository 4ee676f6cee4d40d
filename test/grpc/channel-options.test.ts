import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMeshError } from '../../src/core/errors.ts'
import { connectionOptions } from '../../src/grpc/channel-options.ts'

const refused = (options: object, instead: RegExp): void => {
  const [name] = Object.keys(options)
  assert.throws(
    () => connectionOptions(options),
    (error) => {
      assert.ok(isMeshError(error))
      assert.equal(error.code, 'TULLE_CONFIG')
      assert.ok(error.message.includes(` ${name} `), error.message)
      assert.match(error.message, instead)
      return true
    },
  )
}

test('what would be decided twice is refused by name, with what to write instead', () => {
  refused({ 'grpc.service_config': '{}' }, /write retry, timeout and balance/)
  refused({ 'grpc.enable_retries': 0 }, /retry: false/)
  refused({ 'grpc-node.retry_max_attempts_limit': 5 }, /retry\.limit/)
  refused({ 'grpc.per_rpc_retry_buffer_size': 1 }, /retry\.maxBody/)
  refused({ 'grpc.lb_policy_name': 'round_robin' }, /balance/)
  refused({ 'grpc.lb.anything': 1 }, /balance/)
  refused({ 'grpc.enable_http_proxy': 1 }, /directly/)
  refused({ 'grpc.ssl_target_name_override': 'x' }, /identity/)
  refused({ 'grpc.max_reconnect_backoff_ms': 5 }, /120 s/)
  refused({ channelOverride: {} }, /channel/)
  refused({ interceptors: [] }, /not an option of a channel/)
})

test('what the mesh sets anyway is accepted and goes no further', () => {
  const ours = {
    'grpc.enable_retries': 1,
    'grpc.enable_http_proxy': 0,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.service_config_disable_resolution': 1,
    'grpc.default_authority': 'orders.example',
    'grpc.keepalive_time_ms': undefined,
  }
  assert.deepEqual(connectionOptions(ours as object), {})
})

test('the same options are the same frozen object, in whatever order they were written', () => {
  assert.equal(connectionOptions({}), connectionOptions({ 'grpc.enable_retries': 1 }))
  const one = connectionOptions({ 'grpc.keepalive_time_ms': 5000, 'grpc.primary_user_agent': 'shop' })
  const two = connectionOptions({ 'grpc.primary_user_agent': 'shop', 'grpc.keepalive_time_ms': 5000 })
  assert.equal(one, two)
  assert.ok(Object.isFrozen(one))
  assert.notEqual(one, connectionOptions({ 'grpc.keepalive_time_ms': 5001 }))
})

test('objects among the values are never taken for one another', () => {
  const value = { deep: 1 }
  const make = (): object => connectionOptions({ 'grpc-node.something': value })
  assert.deepEqual(make(), { 'grpc-node.something': value })
  assert.notEqual(make(), make())
})
