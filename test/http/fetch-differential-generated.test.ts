import { after, afterEach, before, test } from 'node:test'
import fc from 'fast-check'
import { answers, JSON_ANSWER, READINGS, to } from '../kit/fetch-answers.ts'
import type { Answer } from '../kit/fetch-arms.ts'
import { Comparison } from '../kit/fetch-comparison.ts'
import { inits } from '../kit/fetch-inits.ts'

let compared: Comparison
before(async () => {
  compared = await Comparison.open()
})
after(() => compared.close())
afterEach(() => compared.check())

test('mesh.fetch and the built-in fetch are the same for whatever comes together', async () => {
  const one = fc.record({
    init: fc.constantFrom(...Object.values(inits)),
    answer: fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(...Object.values(answers)) },
      {
        weight: 1,
        arbitrary: fc.constantFrom(...[301, 302, 303, 307, 308].map((status) => to(status, JSON_ANSWER))),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          status: fc.integer({ min: 200, max: 599 }).filter((status) => status !== 421),
          body: fc.string({ unit: 'binary', maxLength: 40 }),
          how: fc.constantFrom('length', 'chunks', 'gzip'),
          headers: fc.array(
            fc.tuple(
              fc.constantFrom('x-a', 'X-B', 'set-cookie', 'content-type', 'Vary', 'etag'),
              fc
                .string({ unit: fc.constantFrom('a', 'Z', '/', ';', ',', '=', '"', ' ', 'é') })
                .map((text) => text.trim()),
            ),
            { maxLength: 5 },
          ),
        }) as fc.Arbitrary<Answer>,
      },
    ),
    reading: fc.constantFrom(...READINGS),
    input: fc.constantFrom('string' as const, 'string' as const, 'URL' as const, 'Request' as const),
    rest: fc.constantFrom('', '#part', '&more=é'),
  })
  await fc.assert(fc.asyncProperty(one, compared.same), { numRuns: 250, seed: 1 })
})
