import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkJoinToken } from '../../../src/cli/check/join-token.ts'
import { readToken } from '../../../src/core/plane-wire.ts'
import { tokenText } from '../../kit/command.ts'

const check = (token: string) => checkJoinToken(token, readToken(token), 'orders')

test('a token of this service, or of any', () => {
  assert.equal(check(tokenText('join', { service: 'orders' })).verdict, 'pass')
  assert.match(check(tokenText('join', { service: '*' })).says, /good for any service/)
})

test("another service's token is told by its name, and how to make the right one", () => {
  const { verdict, says, hint } = check(tokenText('join', { service: 'stock' }))
  assert.deepEqual([verdict, hint], ['fail', 'Make one with: tulle token create orders'])
  assert.match(says, /that of stock, and this service is orders/)
})

test('an admin token, or half a token, is none', () => {
  assert.match(check(tokenText('admin')).says, /an admin token/)
  const half = tokenText('join', { service: 'orders' }).slice(0, 60)
  assert.equal(check(half).verdict, 'fail')
  assert.ok(!check(half).says.includes(half.slice(12)))
})
