import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConsulIntentions, type ConsulIntentionsOptions } from '../../src/control/consul-intentions.ts'
import { compilePattern } from '../../src/control/linear-pattern.ts'
import type { ConsulAnswer } from '../../src/core/consul.ts'
import { compileIntentions } from '../../src/security/intentions.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { ConsulScript } from '../kit/consul-script.ts'
import { settled } from '../kit/fake-link.ts'
import { access, intention } from '../kit/intentions.ts'
import { MemoryState } from '../kit/memory-state.ts'

const MATCH = '/v1/connect/intentions/match'
const SELF = '/v1/agent/self'
const FILE = 'consul-intentions.json'
const self = (ACLsEnabled: boolean, ACLDefaultPolicy = 'deny') => ({
  DebugConfig: { ACLsEnabled, ACLDefaultPolicy },
})
const matched = (...orders: object[]) => ({ orders: orders.length === 0 ? null : orders })
const webDenied = intention('web', 'orders', 'deny')
const webAllowed = intention('web', 'orders', 'allow')

function world(more: Partial<ConsulIntentionsOptions> = {}, clock = new ManualClock()) {
  const link = new ConsulScript()
  const logged: { message: string; fields: object }[] = []
  const note = (message: string, fields: object = {}) => logged.push({ message, fields })
  const intentions = new ConsulIntentions({
    link,
    service: 'orders',
    compile: (name, list) => compileIntentions(name, list, compilePattern),
    store: new MemoryState(),
    clock,
    wall: () => 1_700_000_000_000 + clock.now(),
    random: () => 1,
    log: { debug: note, info: note, warn: note, error: note },
    ...more,
  })
  const later = async (ms: number): Promise<void> => {
    clock.advance(ms)
    await settled()
  }
  let started: Promise<void> | undefined
  return {
    link,
    clock,
    intentions,
    logged,
    later,
    allows: (caller: string | undefined) => intentions.judge(access(caller)).allowed,
    /** Starts with these intentions and this ACL policy. */
    async begin(list: readonly object[], acl: object = self(true)) {
      started = intentions.start(new AbortController().signal)
      await settled()
      await link.last(MATCH).answer(matched(...list))
      if (more.defaultAllow === undefined) await link.last(SELF).answer(acl)
      await started
      await later(0)
    },
    said: (words: RegExp) => logged.filter(({ message }) => words.test(message)),
  }
}

test('everything is denied until the first answer', async () => {
  const { intentions, allows, begin } = world()
  assert.equal(allows('web'), false)
  assert.match(intentions.judge(access('web')).reason, /no intentions have come/)
  assert.equal(intentions.status().source, 'none')
  await begin([webAllowed])
  assert.equal(allows('web'), true)
  assert.equal(intentions.status().source, 'consul')
  assert.equal(intentions.status().fallback, 'deny: the ACL default policy is deny')
})

test('the query blocks on the index of the answer, and what changes decides at once', async () => {
  const { link, later, begin, allows } = world()
  await begin([webAllowed])
  assert.deepEqual(link.last(MATCH).request.query, { by: 'destination', name: 'orders' })
  assert.equal(link.last(MATCH).request.index, 2)
  await link.last(MATCH).answer(matched(webDenied))
  assert.equal(allows('web'), false)
  await later(0)
  await link.last(MATCH).answer(matched())
  assert.equal(allows('web'), false, 'the default')
  assert.equal(link.all(SELF).length, 1, 'the ACL policy is not asked for with every change')
})

test('a wrong type, garbage and a refusal change nothing, and say so', async () => {
  const { link, later, begin, allows, intentions } = world()
  await begin([webAllowed])
  for (const body of [{ orders: [{ SourceName: 1 }] }, { orders: 'all' }, { billing: [] }, 'no', [], null]) {
    await link.last(MATCH).answer(body)
    if (link.last(SELF).open) await link.last(SELF).answer(self(true))
    assert.match(intentions.status().problem ?? '', /answered .* stay in force/, JSON.stringify(body))
    assert.equal(allows('web'), true)
    await later(20_000)
  }
  await link.last(MATCH).refuse(403)
  assert.match(intentions.status().problem ?? '', /403/)
  assert.equal(allows('web'), true)
  await later(20_000)
  await link.last(MATCH).answer(matched(webDenied))
  await link.last(SELF).answer(self(true))
  assert.equal(intentions.status().problem, undefined)
  assert.equal(allows('web'), false)
})

test('an answer from which ACLs left something out is none', async () => {
  const script = new ConsulScript()
  const clock = new ManualClock()
  let filtered = false
  const link = {
    address: script.address,
    send: async (...args: Parameters<ConsulScript['send']>): Promise<ConsulAnswer> => ({
      ...(await script.send(...args)),
      filtered,
    }),
  }
  const { intentions, allows, later } = world({ link, defaultAllow: false }, clock)
  const started = intentions.start(new AbortController().signal)
  await settled()
  await script.last(MATCH).answer(matched(webAllowed))
  await started
  await later(0)
  filtered = true
  await script.last(MATCH).answer(matched())
  assert.equal(allows('web'), true)
  assert.match(intentions.status().problem ?? '', /because of the ACL token/)
})

test('with default deny the last intention is gone as soon as it is', async () => {
  const { link, begin, allows } = world()
  await begin([webAllowed])
  await link.last(MATCH).answer(matched())
  assert.equal(allows('web'), false)
})

test('SECURITY fact 5: with default allow an empty answer opens nothing until the leader has confirmed it', async () => {
  const { link, later, begin, allows, said } = world()
  await begin([webDenied], self(false))
  assert.equal(allows('api'), true)
  await link.last(MATCH).answer(matched())
  assert.equal(allows('web'), false)
  assert.equal(said(/hold until that is sure/).length, 1)
  const looks = () => link.all(MATCH).filter(({ request }) => request.consistency === 'default')
  await later(2500)
  assert.equal(looks().length, 1)
  await looks()[0]!.fail()
  await later(2500)
  await looks()[1]!.answer(matched())
  assert.equal(allows('web'), false)
  await later(2500)
  await looks()[2]!.answer(matched())
  assert.equal(allows('web'), true)
  await later(10_000)
  assert.equal(looks().length, 3)
})

test('an empty answer that was none is forgotten', async () => {
  const { link, later, begin, allows } = world()
  await begin([webDenied], self(false))
  await link.last(MATCH).answer(matched())
  await later(2500)
  await link.last(MATCH).answer(matched(webDenied, intention('api', 'orders', 'deny')))
  assert.equal(allows('api'), false)
  const asked = link.asked.length
  await later(2500)
  assert.equal(link.asked.length, asked)
})

test('the blocking query ends a hold as well', async () => {
  const { link, later, begin, allows } = world()
  await begin([webDenied], self(false))
  await link.last(MATCH).answer(matched())
  await later(0)
  await link.last(MATCH).answer(matched(intention('api', 'orders', 'deny')))
  assert.deepEqual([allows('api'), allows('web')], [false, true])
  await later(2500)
  assert.equal(link.last(MATCH).request.consistency, undefined)
})

test('a start without an agent goes on with what was kept, for ever', async () => {
  const store = new MemoryState()
  const first = world({ store })
  await first.begin([webDenied], self(false))
  await first.intentions.close()
  assert.deepEqual(store.writes, [FILE])

  const next = world({ store }, new ManualClock())
  const started = next.intentions.start(new AbortController().signal)
  await settled()
  assert.deepEqual([next.allows('web'), next.allows('api')], [false, true], 'from the first moment')
  await next.link.last(MATCH).fail()
  await started
  assert.equal(next.intentions.status().source, 'kept')
  assert.equal(next.intentions.status().fallback, 'allow: ACLs are off')
  for (let day = 0; day < 3; day++) {
    await next.later(86_400_000)
    const { open } = next.link.last(MATCH)
    if (open) await next.link.last(MATCH).fail()
  }
  assert.deepEqual([next.allows('web'), next.allows('api')], [false, true])
  assert.ok((next.intentions.status().ageMs ?? 0) >= 3 * 86_400_000)
  await next.later(20_000)
  await next.link.last(MATCH).answer(matched(webAllowed))
  await next.link.last(SELF).answer(self(true))
  assert.equal(next.intentions.status().source, 'consul')
  assert.deepEqual([next.allows('web'), next.allows('api')], [true, false])
})

test('a start without an agent and without anything kept says where it looked and why, and denies', async () => {
  const { link, intentions, allows, later } = world()
  const started = intentions.start(new AbortController().signal)
  started.catch(() => {})
  await settled()
  await link.last(MATCH).fail()
  await later(3000)
  await assert.rejects(started, {
    code: 'TULLE_CONSUL',
    layer: 'intentions',
    message:
      'no intentions from Consul at http://127.0.0.1:8500: no Consul agent at http://127.0.0.1:8500; nothing is kept from an earlier run',
  })
  assert.equal(allows('web'), false)
  const asked = link.asked.length
  await later(60_000)
  assert.equal(link.asked.length, asked, 'nothing goes on')
})

test('a start that is broken off leaves nothing behind', async () => {
  const { link, intentions, later } = world()
  const controller = new AbortController()
  const started = intentions.start(controller.signal)
  await settled()
  controller.abort(new Error('late'))
  await assert.rejects(started, /late/)
  const asked = link.asked.length
  await later(60_000)
  assert.equal(link.asked.length, asked)
})

test('what is kept and damaged, or of another service, is not believed, and the start says why', async () => {
  const good = { savedMs: 1, service: 'orders', fallback: { allow: true, why: '' }, intentions: [] }
  const cases: readonly (readonly [content: unknown, why: RegExp])[] = [
    ['{', /consul-intentions\.json in .* is damaged/],
    [{ ...good, fallback: { allow: 'yes', why: '' } }, /is damaged \(fallback\.allow: /],
    [{ ...good, intentions: [{ SourceName: 7 }] }, /kept is not used: 0\.SourceName: /],
    [{ ...good, service: 'billing' }, /belongs to the service "billing", and this is "orders"/],
  ]
  for (const [content, why] of cases) {
    const store = new MemoryState()
    store.put(FILE, content)
    const { intentions, link, later, allows } = world({ store })
    const started = intentions.start(new AbortController().signal)
    started.catch(() => {})
    await settled()
    await link.last(MATCH).fail()
    await later(3000)
    await assert.rejects(started, { code: 'TULLE_CONSUL', message: why })
    await assert.rejects(started, { message: /; what is kept is not used: / })
    assert.equal(allows('web'), false)
  }
})

test('the ACL policy is asked for again when the agent was away, and now and then', async () => {
  const { link, later, begin, allows, intentions } = world()
  await begin([], self(false))
  assert.equal(allows('web'), true)
  await link.last(MATCH).fail()
  await later(20_000)
  await link.last(MATCH).answer(matched())
  await link.last(SELF).answer(self(true))
  assert.equal(allows('web'), false, 'the agent came back with ACLs')
  await later(1000)
  await link.last(MATCH).answer(matched())
  assert.equal(link.all(SELF).length, 2)
  for (let minute = 0; minute < 10; minute++) {
    await later(1000)
    await later(59_000)
    assert.equal(link.all(SELF).length, 2)
    await link.last(MATCH).answer(matched())
  }
  assert.equal(link.all(SELF).length, 3)
  await link.last(SELF).fail()
  assert.equal(intentions.status().problem, undefined, 'what is known stays')
})

test('while the ACL policy is unknown nobody is let in by default, and the start waits for it', async () => {
  const { link, intentions, later, allows } = world()
  const started = intentions.start(new AbortController().signal)
  await settled()
  await link.last(MATCH).answer(matched())
  await link.last(SELF).fail()
  assert.equal(allows('web'), false)
  await later(500)
  await link.last(MATCH).answer(matched())
  await link.last(SELF).answer(self(false))
  await started
  assert.equal(allows('web'), true)
})

test('a default that was configured is not asked for', async () => {
  const { link, begin, allows, intentions } = world({ defaultAllow: true })
  await begin([webDenied])
  assert.deepEqual([allows('web'), allows('api')], [false, true])
  assert.equal(link.all(SELF).length, 0)
  assert.equal(intentions.status().fallback, 'allow: so configured')
})

test('a default that was configured is over with the configuration, whatever was kept', async () => {
  const store = new MemoryState()
  const first = world({ store, defaultAllow: true })
  await first.begin([webDenied])
  await first.intentions.close()
  const next = world({ store }, new ManualClock())
  const started = next.intentions.start(new AbortController().signal)
  await settled()
  await next.link.last(MATCH).fail()
  await started
  assert.deepEqual([next.allows('web'), next.allows('api')], [false, false])
  assert.equal(next.intentions.status().fallback, 'deny: the ACL policy of the agent is not known')
})

test('what is not understood is in the status and in the log, once', async () => {
  const { link, later, begin, intentions, said, allows } = world()
  const strange = intention('web', 'orders', { Action: 'audit' })
  await begin([strange])
  await link.last(MATCH).answer(matched(strange, intention('api', 'orders', 'allow')))
  await later(0)
  assert.equal(allows('web'), false)
  assert.equal(intentions.status().notUnderstood.length, 1)
  assert.equal(said(/not understood/).length, 1)
})

test('denials are in the log with caller and rule, however many there are', async () => {
  const { later, begin, allows, logged } = world()
  await begin([webDenied])
  const denials = () => logged.filter(({ message }) => message === 'denied an inbound request')
  for (let n = 0; n < 1000; n++) allows('web')
  assert.equal(denials().length, 1)
  assert.deepEqual(denials()[0]?.fields, {
    reason: 'intention web → orders: deny',
    peer: access('web').peer?.id,
    method: 'GET',
  })
  await later(10_000)
  allows('web')
  assert.equal((denials()[1]!.fields as { unsaid?: number }).unsaid, 999)
})
