import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import { test } from 'node:test'
import { localAddressTowards } from '../../src/discovery/local-address.ts'

test('towards a plane on this machine it is the loopback address', async () => {
  assert.equal(await localAddressTowards('https://127.0.0.1:7400'), '127.0.0.1')
  assert.ok(isIP((await localAddressTowards('https://localhost:7400')) ?? ''))
})

test('where there is no way to the plane, no address is known', async () => {
  assert.equal(await localAddressTowards('https://plane.invalid:7400'), undefined)
})
