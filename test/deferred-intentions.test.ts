import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMeshError } from '../src/core/errors.ts'
import { DeferredIntentions } from '../src/deferred-intentions.ts'
import { ManualClock } from '../src/testing/manual-clock.ts'
import { ConsulScript } from './kit/consul-script.ts'
import { access, intention } from './kit/intentions.ts'
import { until } from './kit/wait.ts'

const MATCH = '/v1/connect/intentions/match'
const log = { debug() {}, info() {}, warn() {}, error() {} }

function world() {
  const link = new ConsulScript()
  const clock = new ManualClock()
  const deps = { clock, wall: () => 0, random: () => 1, log }
  const intentions = new DeferredIntentions({ ...deps, link, service: 'orders', defaultAllow: true })
  const asked = (times: number): Promise<unknown> =>
    until(() => link.all(MATCH).length === times, { what: 'the room to be loaded and the agent to be asked' })
  return { link, clock, intentions, asked }
}

const going = new AbortController().signal

test('before the start everything is denied, whatever holds where no intention decides', () => {
  const { intentions } = world()
  const { allowed, reason } = intentions.judge(access('web'))
  assert.deepEqual([allowed, reason], [false, 'the mesh has not been started'])
  assert.equal(intentions.status(), undefined)
})

test('afterwards intentions decide, their regular expressions too', async () => {
  const { link, intentions, asked } = world()
  const started = intentions.start(going)
  await asked(1)
  const HTTP = { PathRegex: '/v[0-9]+/.*' }
  const web = intention('web', 'orders', { Permissions: [{ Action: 'deny', HTTP }] })
  await link.last(MATCH).answer({ orders: [web] })
  await started
  assert.equal(intentions.judge(access('web', { path: '/v1/items' })).allowed, false)
  assert.equal(intentions.judge(access('web', { path: '/health' })).allowed, true)
  assert.equal(intentions.status()?.source, 'consul')
  await intentions.close()
  assert.equal(link.last(MATCH).open, false)
})

test('a start that failed may be tried again, and leaves no query behind', async () => {
  const { link, clock, intentions, asked } = world()
  const failing = intentions.start(going)
  await asked(1)
  await link.last(MATCH).fail()
  clock.advance(3000)
  await assert.rejects(failing, (error) => isMeshError(error) && error.code === 'TULLE_CONSUL')
  assert.ok(link.all(MATCH).every(({ open }) => !open))
  const before = link.all(MATCH).length
  const started = intentions.start(going)
  await asked(before + 1)
  await link.last(MATCH).answer({ orders: [intention('web', 'orders', 'allow')] })
  await started
  assert.equal(intentions.judge(access('web')).allowed, true)
  await intentions.close()
})

test('a start that was given up while the room is loaded asks nothing', async () => {
  const { link, intentions } = world()
  const given = new AbortController()
  const starting = intentions.start(given.signal)
  given.abort(new Error('too late'))
  await assert.rejects(starting, /too late/)
  assert.equal(link.asked.length, 0)
  await intentions.close()
})
