import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readConsulEntries, readConsulPolicy, readIntentions } from '../../src/control/consul-once.ts'
import { isMeshError } from '../../src/core/errors.ts'
import { ENTRY_KINDS } from '../../src/policy/consul/entry.ts'
import { ConsulScript } from '../kit/consul-script.ts'

const code =
  (code: string, ...words: readonly RegExp[]) =>
  (error: unknown) => {
    if (!isMeshError(error)) throw error
    assert.equal(error.code, code)
    for (const one of words) assert.match(`${error.message} ${error.hint}`, one)
    return true
  }

test('the documents below a key are read once, without waiting', async () => {
  const link = new ConsulScript()
  const read = readConsulPolicy(link, { key: 'tulle/', prefix: true })
  const { request } = link.last('/v1/kv/tulle/')
  assert.equal(request.index, undefined)
  await link.last().answer([{ Key: 'tulle/mesh.yaml', Value: Buffer.from('mesh: 1').toString('base64') }])
  const [[name, found] = []] = [...(await read)]
  assert.equal(name, 'consul://tulle/mesh.yaml')
  assert.equal(String(found), 'mesh: 1')
})

test('a key that is not there is named with what writes it and what reads it', async () => {
  const link = new ConsulScript()
  const one = assert.rejects(
    readConsulPolicy(link, { key: 'mesh.yaml', prefix: false }),
    code('TULLE_POLICY', /no key mesh\.yaml in Consul at http:\/\/127\.0\.0\.1:8500/, /consul kv put/),
  )
  await link.last().absent()
  await one
  const all = assert.rejects(
    readConsulPolicy(link, { key: 'tulle/', prefix: true }),
    code('TULLE_POLICY', /no key below tulle\//, /key_prefix "tulle\/" \{ policy = "read" \}/),
  )
  await link.last().absent()
  await all
})

test('a token that may not read the key is told the rule, an agent that is away is not', async () => {
  const link = new ConsulScript()
  const denied = assert.rejects(
    readConsulPolicy(link, { key: 'mesh.yaml', prefix: false }),
    code('TULLE_CONSUL', /Permission denied/, /key "mesh\.yaml" \{ policy = "read" \}/),
  )
  await link.last().refuse(403)
  await denied
  const away = assert.rejects(
    readConsulPolicy(link, { key: 'mesh.yaml', prefix: false }),
    code('TULLE_CONSUL', /^no Consul agent(?!.*policy = )/),
  )
  await link.last().fail()
  await away
})

test('every kind of entry is read; one with a mistake is named, and a kind that is not known is empty', async () => {
  const link = new ConsulScript()
  const read = readConsulEntries(link)
  for (const kind of ENTRY_KINDS)
    if (kind === 'service-router')
      await link.last(`/v1/config/${kind}`).refuse(500, `invalid config entry kind: ${kind}`)
    else
      await link.last(`/v1/config/${kind}`).answer(
        kind === 'service-resolver'
          ? [
              { Kind: kind, Name: 'old', Redirect: { Service: 'shop' } },
              { Kind: kind, Name: 'bad', Redirect: 7 },
            ]
          : [],
      )
  const { entries, mistakes } = await read
  assert.deepEqual([...(entries['service-resolver'] ?? new Map()).keys()], ['old'])
  assert.equal(entries['service-router']?.size, 0)
  assert.equal(mistakes.length, 1)
  assert.match(mistakes[0] ?? '', /^service-resolver\/bad: /)
})

test('what is no list of entries, or a refusal, is an error', async () => {
  const link = new ConsulScript()
  const [kind = ''] = ENTRY_KINDS
  const wrong = assert.rejects(
    readConsulEntries(link),
    code('TULLE_CONSUL', new RegExp(`no list of config entries for ${kind}`)),
  )
  await link.last().answer({ Name: 'x' })
  await wrong
  const denied = assert.rejects(readConsulEntries(link), code('TULLE_CONSUL', /Permission denied/))
  await link.last().refuse(403)
  await denied
})

test('intentions come in the order of the agent, the strongest first; none is an empty list', async () => {
  const link = new ConsulScript()
  const read = readIntentions(link, 'orders')
  assert.deepEqual(link.last().request.query, { by: 'destination', name: 'orders' })
  await link.last().answer({
    orders: [
      { SourceName: 'web', DestinationName: 'orders', Action: 'deny', Precedence: 9, NewerField: {} },
      { SourceName: '*', DestinationName: 'orders', Action: 'allow', Precedence: 8 },
    ],
  })
  assert.deepEqual(
    (await read).map(({ SourceName, Action }) => [SourceName, Action]),
    [
      ['web', 'deny'],
      ['*', 'allow'],
    ],
  )
  const none = readIntentions(link, 'orders')
  await link.last().answer({ orders: null })
  assert.deepEqual(await none, [])
  const wrong = assert.rejects(
    readIntentions(link, 'orders'),
    code('TULLE_CONSUL', /answered no list of intentions/),
  )
  await link.last().answer({ orders: [{ SourceName: 7 }] })
  await wrong
})
