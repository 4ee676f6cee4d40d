import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { isMeshError } from '../../src/core/errors.ts'
import { type Cursor, Replay } from '../../src/http/replay.ts'

const open = (body: object, keepBytes: number, failures: unknown[] = []): Replay => {
  const replay = new Replay(body, (error) => failures.push(error))
  replay.keepBytes = keepBytes
  return replay
}
const readAll = async (cursor: Cursor): Promise<string> => {
  let text = ''
  for await (const chunk of cursor) text += String(chunk)
  return text
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('attempts that break off anywhere, in any number, are each given the body from its beginning while it is kept, and it is pulled once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ minLength: 1, maxLength: 8, unit: 'grapheme-ascii' }), { maxLength: 12 }),
      fc.array(fc.nat({ max: 12 }), { maxLength: 5 }),
      fc.nat({ max: 60 }),
      async (chunks, breaks, keepBytes) => {
        let pulled = 0
        async function* source(): AsyncGenerator<string> {
          for (const chunk of chunks) {
            pulled++
            yield chunk
          }
        }
        const replay = open(source(), keepBytes)
        for (const after of breaks) {
          if (!replay.replayable) break
          const cursor = replay.open()
          for (let n = 0; n < after; n++) {
            const { done, value } = await cursor.next()
            if (done === true) break
            assert.equal(value, chunks[n])
          }
          void cursor.next()
          cursor.detach()
        }
        const pulledBytes = chunks.slice(0, pulled).join('').length
        assert.ok(replay.replayable || pulledBytes > keepBytes, 'let go although all of it fits')
        if (replay.replayable) assert.equal(await readAll(replay.open()), chunks.join(''))
        assert.ok(pulled <= chunks.length)
        replay.close()
      },
    ),
    { numRuns: 200 },
  )
})

describe('the bound', () => {
  test('a body that was never read can be had again whatever the bound', async () => {
    const replay = open(['a', 'b'], 0)
    replay.open().detach()
    assert.equal(replay.replayable, true)
    assert.equal(await readAll(replay.open()), 'ab')
    assert.equal(replay.replayable, false)
  })

  test('what was read past it is let go', async () => {
    const size = 1_000_000
    const replay = open(
      (function* () {
        for (let i = 0; i < 20; i++) yield new Uint8Array(size)
      })(),
      3 * size,
    )
    const cursor = replay.open()
    for (let n = 1; n <= 20; n++) {
      await cursor.next()
      assert.equal(replay.replayable, n <= 3)
      assert.ok(replay.keptBytes <= 3 * size)
    }
    assert.equal(replay.keptBytes, 0)
  })
})

describe('the source', () => {
  test('is pulled only when somebody reads', async () => {
    let pulled = 0
    function* source(): Generator<string> {
      for (;;) {
        pulled++
        yield 'x'
      }
    }
    const replay = open(source(), 10)
    const cursor = replay.open()
    await turn()
    assert.equal(pulled, 0)
    await cursor.next()
    await turn()
    assert.equal(pulled, 1)
    replay.close()
  })

  test('is told once when the call is over, not when an attempt is', async () => {
    let returned = 0
    async function* source(): AsyncGenerator<string> {
      try {
        yield 'a'
        yield 'b'
      } finally {
        returned++
      }
    }
    const replay = open(source(), 100)
    const cursor = replay.open()
    await cursor.next()
    await cursor.return()
    await turn()
    assert.equal(returned, 0)
    replay.close()
    replay.close()
    await turn()
    assert.equal(returned, 1)
    const stream = Readable.from(['a', 'b'])
    open(stream, 100).close()
    assert.equal(stream.destroyed, true)
  })

  test('that fails is reported once, even before anybody reads', async () => {
    const failures: unknown[] = []
    const stream = new Readable({ read() {} })
    const replay = open(stream, 100, failures)
    const waiting = replay.open().next()
    const error = new Error('boom')
    stream.destroy(error)
    assert.deepEqual(await waiting, { done: true, value: undefined })
    assert.deepEqual(failures, [error])
    assert.equal(replay.replayable, false)
  })

  test('that yields what is no bytes is the caller’s mistake', async () => {
    const failures: unknown[] = []
    assert.equal(await readAll(open([1], 100, failures).open()), '')
    assert.ok(isMeshError(failures[0]))
    assert.equal(failures[0].code, 'TULLE_BAD_CALL')
  })

  test('may be a stream of the oldest kind', async () => {
    const { Stream } = await import('node:stream')
    const old = new Stream()
    const text = readAll(open(old, 100).open())
    await turn()
    old.emit('data', Buffer.from('old'))
    old.emit('end')
    assert.equal(await text, 'old')
  })

  test('gives what an abandoned attempt had asked for to the next', async () => {
    let give: (value: string) => void = () => {}
    async function* source(): AsyncGenerator<string> {
      yield await new Promise<string>((resolve) => {
        give = resolve
      })
      yield 'b'
    }
    const replay = open(source(), 100)
    const first = replay.open()
    const abandoned = first.next()
    first.detach()
    assert.equal((await abandoned).done, true)
    const second = readAll(replay.open())
    give('a')
    assert.equal(await second, 'ab')
  })
})
