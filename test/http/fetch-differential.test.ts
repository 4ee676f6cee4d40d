import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { answers, JSON_ANSWER, READINGS, to, twice } from '../kit/fetch-answers.ts'
import { type Answer, urlOf } from '../kit/fetch-arms.ts'
import { Comparison } from '../kit/fetch-comparison.ts'
import { inits } from '../kit/fetch-inits.ts'

let compared: Comparison
before(async () => {
  compared = await Comparison.open()
})
after(() => compared.close())
afterEach(() => compared.check())

describe('mesh.fetch and the built-in fetch', () => {
  test('send the same for every kind of options', async () => {
    for (const init of Object.values(inits)) await compared.same({ answer: JSON_ANSWER, init })
  })

  test('resolve with the same for every kind of answer', async () => {
    for (const answer of Object.values(answers))
      for (const method of ['GET', 'HEAD', 'POST']) await compared.same({ answer, init: () => ({ method }) })
  })

  test('read the same in every way', async () => {
    const names = [
      'json',
      'no body',
      'no content',
      'a form',
      'a multipart form',
      'many types',
      'a type that is none',
      'a mark before the text',
      'a long body',
      'gzip',
      'cut',
      'cookies',
    ]
    for (const reading of READINGS) {
      for (const name of names)
        for (const peek of [true, false])
          await compared.same({ answer: answers[name] as Answer, reading, peek })
      for (const how of ['chunks', 'not-gzip', 'unknown-coding'] as const)
        await compared.same({ answer: { ...JSON_ANSWER, how }, reading })
    }
  })

  test('go the same way at redirects', async () => {
    for (const status of [301, 302, 303, 307, 308]) {
      for (const name of [
        'no options',
        'a post of text',
        'a put of nothing',
        'a head',
        'parameters',
        'bytes',
        'a stream',
        'a form',
        'an own content type',
        'authorization',
        'redirect: manual',
        'redirect: error',
        'a deletion with text',
      ])
        await compared.same({ answer: to(status, JSON_ANSWER), init: inits[name] as () => any })
      await compared.same({ answer: twice(status), init: inits['a post of text'] as () => any })
      for (const host of [
        'http://stock.internal',
        'http://user:secret@orders.mesh',
        'ftp://orders.mesh',
        'http://:',
        '/..',
        'http://stock.internal:6000',
      ])
        await compared.same({
          answer: to(status, JSON_ANSWER, host),
          init: inits.authorization as () => any,
          rest: '#part',
        })
    }
    await compared.same({ answer: to(302, answers.gzip as Answer), reading: 'json' })
    await compared.same({ answer: to(302, answers.cut as Answer) })
    await compared.same({
      answer: to(307, to(303, answers['no content'] as Answer)),
      init: () => ({ method: 'PUT', body: 'x' }),
    })
    let long = JSON_ANSWER
    for (let i = 0; i < 6; i++) long = to(302, long)
    await compared.same({ answer: long })
  })

  test('give up after as many redirects', async () => {
    const loop = { status: 302, location: '/answer?%7B%22status%22:302,%22location%22:%22?%22%7D' }
    await compared.same({
      answer: { ...loop, location: `?${encodeURIComponent('{"status":302,"location":""}')}` },
    })
  })

  test('take every kind of input', async () => {
    for (const input of ['string', 'URL', 'Request', 'options as a Request'] as const)
      for (const name of [
        'no options',
        'a post of text',
        'headers of all kinds',
        'a form',
        'redirect: manual',
      ])
        await compared.same({ answer: JSON_ANSWER, input, init: inits[name] as () => any })
    const odd = [
      '',
      'x',
      '/relative',
      'http://',
      'http://user@orders.mesh/',
      'http://orders.mesh:6000/',
      'about:blank',
      'file:///x',
      'blob:x',
      'data:text/plain,hello',
      'data:,',
      'ftp://orders.mesh/',
      'ws://orders.mesh/',
      'http://stock.internal:6000/',
      'HTTP://ORDERS.mesh/answer',
      'http://orders.mesh',
      'http://orders.mesh/a/../b?x=%zz&y=é',
      'http://orders.mesh/?',
      'http://orders.mesh/#',
      'http://orders.mesh/?#a?b',
      '  http://orders.mesh/ ',
      'http:orders.mesh/x',
      'http://orders.mesh\\y',
      'http://orders.mesh/a b"<>`{}',
      'https://orders.mesh/',
    ]
    for (const url of odd) {
      await compared.same({ answer: {}, url: url.replace(/(mesh\/?)$/, '$1') })
    }
    for (const input of [undefined, null, 5, {}, Symbol('x')])
      await compared.same({ answer: {}, url: input as any })
    const [expected, actual] = await Promise.all(
      [compared.bare, compared.mesh].map((arm) =>
        arm.fetch.call(undefined, ...([] as unknown as [any])).catch((error) => String(error)),
      ),
    )
    assert.equal(actual, expected)
  })

  test('decode the same, whatever the coding', async () => {
    const answers = ['x-gzip', 'br', 'deflate', 'raw-deflate', 'gzip-br', 'half-gzip'] as const
    for (const how of answers)
      for (const reading of ['text', 'json', 'bytes', 'stream', 'clone', 'cancel'] as const)
        for (const times of [1, 100_000])
          await compared.same({ answer: { body: '{"a":"é"}', times, how }, reading })
  })

  test('reject the same where the connection breaks before the head', async () => {
    for (const init of ['no options', 'a post of text', 'bytes', 'a stream', 'a head', 'redirect: error'])
      await compared.same({ answer: { how: 'reset' }, init: inits[init] as () => any })
    await compared.same({ answer: { how: 'reset' }, input: 'Request' })
    await compared.same({ answer: to(302, { how: 'reset' }) })
  })

  test('reject the same where nobody listens', async () => {
    const others = await Comparison.open()
    await Promise.all([others.bare.server.close(), others.mesh.server.close()])
    try {
      for (const init of ['no options', 'a post of text', 'a stream', 'a form'])
        await others.same({ answer: JSON_ANSWER, init: inits[init] as () => any })
      await others.same({ answer: JSON_ANSWER, input: 'Request', abort: 'before' })
      others.check()
    } finally {
      await others.close()
    }
  })

  test('use as many connections, one call after the other', async () => {
    const others = await Comparison.open()
    try {
      const [bare, mesh] = await Promise.all(
        [others.bare, others.mesh].map(async ({ fetch, server }) => {
          for (let i = 0; i < 20; i++) {
            const res = await fetch(urlOf(JSON_ANSWER), { method: i % 2 === 0 ? 'GET' : 'POST' })
            await (i % 3 === 0 ? res.text() : res.json())
          }
          return server.connections
        }),
      )
      assert.equal(mesh, bare)
    } finally {
      await others.close()
    }
  })

  test('were compared in several hundred cases', (t) => {
    t.diagnostic(`${compared.cases} requests through both`)
    assert.ok(compared.cases > 600, `${compared.cases}`)
  })
})
