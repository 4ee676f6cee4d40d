import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readToken } from '../../../src/core/plane-wire.ts'
import { readJoinToken, writeJoinToken } from '../../../src/plane/access/join-token.ts'
import { JoinTokens } from '../../../src/plane/access/join-tokens.ts'
import { Refusal } from '../../../src/plane/refusal.ts'
import { ScriptedStore } from '../scripted-store.ts'

const where = { urls: ['https://127.0.0.1:7400'], rootSha256: 'ab'.repeat(32) }
const trustDomain = 'test.example'

const refused =
  (kind: string, words: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof Refusal, String(error))
    assert.equal(error.kind, kind)
    assert.match(error.message, words)
    return true
  }

async function setting({ dev = false, store = new ScriptedStore() } = {}) {
  let now = 1_800_000_000_000
  const open = (over = {}): Promise<JoinTokens> =>
    JoinTokens.open({ store, wall: () => now, trustDomain, dev, ...over })
  return {
    store,
    open,
    tokens: await open(),
    pass: (ms: number) => {
      now += ms
    },
  }
}

test('a token is good the moment it is made, and tells its holder where the plane is', async () => {
  const { tokens, store } = await setting()
  const { id, token } = tokens.mint('orders', where)
  assert.equal(tokens.verify(token).service, 'orders')
  assert.deepEqual(readToken(token), { ...readToken(token), ...where, trustDomain, service: 'orders' })
  await tokens.persisted(id)
  assert.ok(store.content.has(`access/tokens/${id}`))
})

test('a token outlives a crash before its record was written', async () => {
  const { store, tokens, open } = await setting()
  store.full = true
  const { id, token } = tokens.mint('orders', where, { uses: 2 })
  await assert.rejects(tokens.persisted(id), { code: 'TULLE_STATE' })
  store.full = false
  const after = await open()
  assert.deepEqual(after.list(), [])
  assert.equal(after.verify(token).id, id)
  await after.persisted(id)
  assert.deepEqual(
    (await open()).list().map(({ id, service, uses }) => ({ id, service, uses })),
    [{ id, service: 'orders', uses: 2 }],
  )
})

test('a write that failed is made up for by the next who waits for it', async () => {
  const { store, tokens } = await setting()
  store.full = true
  const { id } = tokens.mint('orders', where)
  await assert.rejects(tokens.persisted(id))
  store.full = false
  await tokens.persisted(id)
  assert.ok(store.content.has(`access/tokens/${id}`))
})

test('nothing that is stored or listed holds the secret', async () => {
  const { tokens, store } = await setting()
  const { id, token } = tokens.mint('orders', where)
  await tokens.persisted(id)
  const secret = token.slice(token.indexOf('.') + 1)
  assert.ok(!store.text.includes(secret))
  assert.ok(!store.text.includes(Buffer.from(secret, 'base64url').toString('latin1')))
  assert.ok(!JSON.stringify(tokens.list()).includes(secret))
})

test('a revoked token stays revoked, also after a restart', async () => {
  const { tokens, open } = await setting()
  const { id, token } = tokens.mint('orders', where)
  await tokens.revoke(id)
  assert.throws(() => tokens.verify(token), refused('unauthenticated', /has been revoked/))
  const after = await open()
  assert.throws(() => after.verify(token), refused('unauthenticated', /has been revoked/))
  await assert.rejects(after.use(id), refused('unauthenticated', /has been revoked/))
  await assert.rejects(after.revoke('00'), refused('unknown', /no join token "00"/))
})

test('a token expires, and is over even when its record is long gone', async () => {
  const { tokens, open, pass, store } = await setting()
  const { id, token } = tokens.mint('orders', where, { expiresInMs: 60_000 })
  await tokens.persisted(id)
  pass(59_999)
  assert.equal(tokens.verify(token).id, id)
  pass(1)
  assert.throws(() => tokens.verify(token), refused('unauthenticated', /has expired/))
  pass(31 * 24 * 3_600_000)
  const after = await open()
  assert.equal(store.content.has(`access/tokens/${id}`), false)
  assert.throws(() => after.verify(token), refused('unauthenticated', /has expired/))
})

test('of two uses at one moment of a token good for one only one is granted, and a restart remembers it', async () => {
  const { tokens, open } = await setting()
  const { id, token } = tokens.mint('orders', where, { uses: 1 })
  const results = await Promise.allSettled([tokens.use(id), tokens.use(id)])
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  )
  assert.throws(() => tokens.verify(token), refused('unauthenticated', /used once/))
  const after = await open()
  assert.throws(() => after.verify(token), refused('unauthenticated', /used once/))
})

test('a use that cannot be written down is not granted and not counted', async () => {
  const { tokens, store } = await setting()
  const { id, token } = tokens.mint('orders', where, { uses: 1 })
  await tokens.persisted(id)
  store.full = true
  await assert.rejects(tokens.use(id), { code: 'TULLE_STATE' })
  store.full = false
  tokens.verify(token)
  await tokens.use(id)
  await assert.rejects(tokens.use(id), refused('unauthenticated', /used once/))
})

test('a token without a use count joins as many as come, with no write for each', async () => {
  const { tokens, store } = await setting()
  const { id } = tokens.mint('orders', where)
  await tokens.persisted(id)
  const writes = store.written.length
  for (let n = 0; n < 100; n++) await tokens.use(id)
  assert.equal(store.written.length, writes)
})

test('any service is for a plane in dev mode only, when a token is made and when it is shown', async () => {
  const { tokens, store } = await setting()
  assert.throws(() => tokens.mint('*', where), refused('forbidden', /dev mode/))
  const dev = await setting({ dev: true, store })
  const { token } = dev.tokens.mint('*', where)
  assert.equal(dev.tokens.verify(token).service, '*')
  assert.throws(() => tokens.verify(token), refused('forbidden', /dev mode/))
})

test("a token for a name that is nobody's, or with options that mean nothing, is not made", async () => {
  const { tokens } = await setting()
  assert.throws(() => tokens.mint('tulle-plane', where), refused('forbidden', /own name/))
  for (const name of ['', 'Orders', 'a/b', 'a.b', '-a', 'a'.repeat(64), '../x', 'orders\n'])
    assert.throws(() => tokens.mint(name, where), refused('malformed', /no service name/), name)
  for (const expiresInMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
    assert.throws(() => tokens.mint('orders', where, { expiresInMs }), refused('malformed', /expiresInMs/))
  for (const uses of [0, -1, 1.5, Number.NaN])
    assert.throws(() => tokens.mint('orders', where, { uses }), refused('malformed', /uses/))
  assert.throws(
    () => tokens.mint('orders', { ...where, urls: ['http://plane'] }),
    refused('malformed', /https/),
  )
  assert.deepEqual(tokens.list(), [])
})

test('a token of another plane, or of this one under another trust domain, is not taken', async () => {
  const { tokens, open } = await setting()
  const other = await setting()
  const { token } = other.tokens.mint('orders', where)
  assert.throws(() => tokens.verify(token), refused('unauthenticated', /not made by this plane/))
  const renamed = await open({ trustDomain: 'prod.example' })
  assert.throws(
    () => renamed.verify(tokens.mint('orders', where).token),
    refused('unauthenticated', /trust domain "test.example"/),
  )
})

test('no altered, truncated or otherwise spelled token is read, whatever was changed', () => {
  const key = new Uint8Array(32).fill(7)
  const content = { id: '0123456789abcdef', service: 'orders', trustDomain, ...where }
  const token = writeJoinToken(content, key)
  assert.deepEqual(readJoinToken(token, key), content)
  const letters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ ']
  fc.assert(
    fc.property(fc.nat(token.length - 1), fc.constantFrom(...letters, ''), (at, letter) => {
      fc.pre(token[at] !== letter)
      assert.equal(readJoinToken(token.slice(0, at) + letter + token.slice(at + 1), key), undefined)
    }),
    { numRuns: 2000 },
  )
  for (const other of [
    token.slice(0, -1),
    `${token}A`,
    `${token}\n`,
    ` ${token}`,
    token.replace('join', 'admin'),
  ])
    assert.equal(readJoinToken(other, key), undefined)
})

test('a signed content that is none is no token and no crash', () => {
  const key = new Uint8Array(32).fill(7)
  fc.assert(
    fc.property(fc.jsonValue(), (content) => {
      assert.equal(readJoinToken(writeJoinToken(content as never, key), key), undefined)
    }),
  )
  fc.assert(fc.property(fc.string(), (text) => readJoinToken(text, key) === undefined))
})

test('what a token says is what it was made to say', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.record({
        service: fc.stringMatching(/^[a-z][a-z0-9-]{0,20}[a-z]$/),
        urls: fc.array(fc.constantFrom('https://plane:7400', 'https://10.0.0.1'), {
          minLength: 1,
          maxLength: 16,
        }),
        expiresAtMs: fc.integer({ min: 0 }),
        uses: fc.integer({ min: 1 }),
      }),
      (key, said) => {
        const content = { id: 'fedcba9876543210', rootSha256: where.rootSha256, trustDomain, ...said }
        assert.deepEqual(readJoinToken(writeJoinToken(content, key), key), content)
      },
    ),
  )
})
