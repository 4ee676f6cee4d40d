import assert from 'node:assert/strict'
import { test } from 'node:test'
import { confirmGone } from '../../src/control/consul-lost.ts'
import { ConsulScript } from '../kit/consul-script.ts'

const GONE = [{ what: 'the key a.yaml', path: '/v1/kv/a.yaml' }]

test('what is left out of a list is gone where the agent has it no more', async () => {
  const link = new ConsulScript()
  const confirmed = confirmGone(link, GONE)
  assert.equal(link.last('/v1/kv/a.yaml').request.mayBeAbsent, true)
  await link.last().absent()
  await confirmed
})

test('SECURITY fact 5: what may no longer be read is not gone, and neither is what is still there', async () => {
  const link = new ConsulScript()
  const denied = assert.rejects(
    confirmGone(link, GONE),
    /the key a\.yaml may no longer be read: Permission denied; what it said last stays in force/,
  )
  await link.last().refuse(403)
  await denied
  const there = assert.rejects(confirmGone(link, GONE), /the key a\.yaml is there, but left out of the list/)
  await link.last().answer([{ Key: 'a.yaml' }])
  await there
})

test('what cannot be learnt rejects as it came', async () => {
  const link = new ConsulScript()
  const away = assert.rejects(confirmGone(link, GONE), /no Consul agent at/)
  await link.last().fail()
  await away
  const broken = assert.rejects(confirmGone(link, GONE), /refused with 500: No cluster leader/)
  await link.last().refuse(500, 'No cluster leader')
  await broken
})

test('of many that are gone at once a few are asked for: a token that was lost, lost all of them', async () => {
  const link = new ConsulScript()
  const all = Array.from({ length: 100 }, (_, n) => ({ what: `the key ${n}`, path: `/v1/kv/${n}` }))
  const confirmed = confirmGone(link, all)
  for (let n = 0; n < 8; n++) await link.last(`/v1/kv/${n}`).absent()
  await confirmed
  assert.equal(link.asked.length, 8)
  await confirmGone(link, [])
  assert.equal(link.asked.length, 8)
})
