import assert from 'node:assert/strict'
import { test } from 'node:test'
import { balancePiece, balancerNamed, balancers } from '../../src/balance/index.ts'
import { pickerContract } from '../contract/picker.ts'

for (const balancer of balancers) pickerContract(balancer)

test('every balancer has a name of its own, and policy accepts exactly these', () => {
  const names = balancers.map(({ name }) => name)
  assert.equal(new Set(names).size, names.length)
  for (const name of names) assert.equal(balancePiece.schema.parse(name), name)
  const refused = balancePiece.schema.safeParse('p2c')
  assert.equal(refused.success, false)
  assert.match(
    refused.error?.issues[0]?.message ?? '',
    /expected one of peak-ewma, least-request, round-robin, random/,
  )
})

test('where nobody says anything, peak-ewma balances', () => {
  assert.equal(balancerNamed(balancePiece.defaults).name, 'peak-ewma')
})
