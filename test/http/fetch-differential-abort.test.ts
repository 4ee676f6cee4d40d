import { after, afterEach, before, describe, test } from 'node:test'
import { answers, JSON_ANSWER, to } from '../kit/fetch-answers.ts'
import type { Answer } from '../kit/fetch-arms.ts'
import { Comparison } from '../kit/fetch-comparison.ts'
import { inits } from '../kit/fetch-inits.ts'
import type { Abort } from '../kit/fetch-observation.ts'
import type { Reading } from '../kit/fetch-readings.ts'

let compared: Comparison
before(async () => {
  compared = await Comparison.open()
})
after(() => compared.close())
afterEach(() => compared.check())

describe('mesh.fetch and the built-in fetch, aborted', () => {
  const ABORTS: readonly Abort[] = [
    'before',
    'at once',
    'while it waits',
    'after the head',
    'while it reads',
    'with the reading',
    'after all',
  ]
  for (const abort of ABORTS) {
    test(`end the same when the signal aborts: ${abort}`, async () => {
      const waiting: Answer = { ...JSON_ANSWER, how: abort === 'while it waits' ? 'no-head' : 'half' }
      const given =
        abort === 'after all' || abort === 'with the reading'
          ? [JSON_ANSWER, answers.gzip as Answer, answers['no content'] as Answer]
          : [waiting]
      if (abort === 'after the head')
        given.push(JSON_ANSWER, answers['no content'] as Answer, answers['a long body'] as Answer)
      const some: readonly Reading[] = [
        'text',
        'json',
        'blob',
        'bytes',
        'stream',
        'clone',
        'wrap',
        'iterate',
        'textStream',
      ]
      for (const answer of given)
        for (const reading of some)
          for (const peek of [true, false]) await compared.same({ answer, abort, reading, peek })
      for (const reason of [undefined, null, 'text', new Error('mine'), new TypeError('fetch failed')])
        for (const answer of given) await compared.same({ answer, abort, reason, reading: 'text' })
      await compared.same({ answer: given[0] as Answer, abort, init: inits['a post of text'] as () => any })
      await compared.same({ answer: given[0] as Answer, abort, init: inits['a stream'] as () => any })
      await compared.same({
        answer: given[0] as Answer,
        abort,
        init: inits['a body with a get'] as () => any,
      })
      await compared.same({ answer: given[0] as Answer, abort, input: 'Request' })
    })
  }

  test('end the same when the signal aborts in the middle of a redirect', async () => {
    await compared.same({ answer: to(302, { how: 'no-head' }), abort: 'while it waits' })
    await compared.same({ answer: to(302, { ...JSON_ANSWER, how: 'half' }), abort: 'after the head' })
  })
})
