import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type FollowOptions, follow } from '../../src/core/follow.ts'
import type { PlaneAnswer } from '../../src/core/plane.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { FakeLink, settled } from '../kit/fake-link.ts'

function followed(options: Partial<FollowOptions> = {}) {
  const link = new FakeLink()
  const clock = new ManualClock()
  const answers: PlaneAnswer[] = []
  const errors: unknown[] = []
  let etag: string | undefined
  const following = follow({
    link,
    clock,
    random: () => 1,
    request: () => ({ method: 'GET', path: '/v1/policy', etag, waitMs: 30_000, auth: 'identity' }),
    onAnswer: (answer) => {
      answers.push(answer)
      etag = answer.etag
    },
    onError: (error) => errors.push(error),
    ...options,
  })
  /** Healthy polls last. */
  const later = async (ms: number): Promise<void> => {
    clock.advance(ms)
    await settled()
  }
  return { link, clock, answers, errors, following, later }
}

test('an answer is told, and the next poll carries its etag; exactly one is outstanding', async () => {
  const { link, answers, later } = followed()
  await later(10_000)
  await link.last().answer({ a: 1 }, '"7"')
  await later(0)
  assert.deepEqual(answers, [{ status: 200, etag: '"7"', body: { a: 1 } }])
  assert.equal(link.sent.length, 2)
  assert.equal(link.last().request.etag, '"7"')
  await later(30_000)
  await link.last().unchanged()
  await later(0)
  assert.equal(link.sent.length, 3)
  assert.equal(answers.length, 1)
  assert.equal(link.sent.filter(({ open }) => open).length, 1)
})

test('FAULTS 22: a plane that answers at once again and again is asked twice, then once a second', async () => {
  const { link, later } = followed()
  const asked: number[] = []
  for (let ms = 0; ms < 10_000; ms += 50) {
    while (link.sent.some(({ open }) => open)) {
      asked.push(ms)
      await link.last().unchanged()
      await later(0)
    }
    await later(50)
  }
  assert.deepEqual(asked.slice(0, 4), [0, 0, 1000, 2000])
  assert.equal(asked.length, 11)
})

test('changes that follow each other are told at once, ten of them, then one a second', async () => {
  const { link, answers, later } = followed()
  const told: number[] = []
  let number = 0
  for (let ms = 0; ms < 5000; ms += 50) {
    while (link.sent.some(({ open }) => open)) {
      told.push(ms)
      await link.last().answer({}, `"${++number}"`)
      await later(0)
    }
    await later(50)
  }
  assert.equal(told.filter((ms) => ms === 0).length, 12)
  assert.ok(
    told.length <= 12 + 10,
    `${told.length} in 5 s: a plane that always has news is no reason to spin`,
  )
  assert.equal(answers.length, told.length)
})

test('FAULTS 27: errors back off with full jitter from 250 ms to 15 s, and a success ends that', async () => {
  const { link, clock, errors, later } = followed()
  const waits: number[] = []
  for (let n = 0; n < 9; n++) {
    // So that the bound of one poll a second, which is another matter, is not what is seen.
    await later(2000)
    await link.last().fail()
    assert.equal(link.sent.filter(({ open }) => open).length, 0)
    waits.push(clock.next!)
    await later(clock.next!)
  }
  assert.deepEqual(waits, [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000])
  assert.equal(errors.length, 9)
  await later(2000)
  await link.last().unchanged()
  await later(2000)
  await link.last().fail()
  assert.equal(clock.next, 250)
})

test('the jitter is full: chance may shorten a back-off to nothing but the bound of one poll a second', async () => {
  const { link, clock, later } = followed({ random: () => 0 })
  await link.last().fail()
  assert.equal(clock.next, 0)
  await later(0)
  await link.last().fail()
  assert.equal(clock.next, 1000)
})

test('FAULTS 27: a poll that hangs is given up a sixteenth of its wait and 5 s after it was due', async () => {
  const { link, errors, later } = followed()
  const first = link.last()
  await later(30_000 + 1875 + 4999)
  assert.equal(first.open, true)
  await later(1)
  assert.equal(first.open, false)
  assert.match(String(errors[0]), /no answer to \/v1\/policy within 37 s/)
  await later(250)
  assert.equal(link.sent.filter(({ open }) => open).length, 1)
})

test('an answer that its receiver throws at counts as an error', async () => {
  const { link, clock, errors } = followed({
    onAnswer: () => {
      throw new Error('no policy')
    },
  })
  await link.last().answer('<html>')
  assert.equal(String(errors[0]), 'Error: no policy')
  assert.equal(clock.next, 250)
})

test('again breaks off the wait and asks at once, and what comes of the old poll is not told', async () => {
  const { link, answers, errors, following, later } = followed()
  const first = link.last()
  following.again()
  assert.equal(first.signal?.aborted, true)
  await settled()
  assert.deepEqual(errors, [])
  assert.equal(link.sent.length, 2)
  await link.last().answer({}, '"1"')
  assert.equal(answers.length, 1)
  await later(1000)
  await link.last().fail()
  following.again()
  assert.equal(link.last().open, true)
  await later(0)
  assert.equal(link.sent.filter(({ open }) => open).length, 1)
})

test('asking again from inside an answer leaves one poll, not two', async () => {
  const world: { again?: () => void } = {}
  const { link, following, later } = followed({ onAnswer: () => world.again?.() })
  world.again = () => following.again()
  await link.last().answer({})
  await later(5000)
  assert.equal(link.sent.filter(({ open }) => open).length, 1)
  assert.equal(link.sent.length, 2)
})

test('FAULTS 20: who backs off asks at once when the plane is back, and backs off from the beginning if that fails', async () => {
  const { link, clock, later } = followed()
  for (let n = 0; n < 7; n++) {
    await later(2000)
    await link.last().fail()
    await later(clock.next!)
  }
  await later(2000)
  await link.last().fail()
  assert.equal(clock.next, 15_000)
  await later(1000)
  await link.back()
  await later(0)
  assert.equal(link.last().open, true)
  await later(2000)
  await link.last().fail()
  assert.equal(clock.next, 250)
})

test('a plane that comes back again and again makes nobody ask more than once a second, nor break off a poll', async () => {
  const { link, later } = followed()
  await link.back()
  assert.equal(link.sent.length, 1)
  for (let ms = 0; ms < 10_000; ms += 50) {
    if (link.last().open) await link.last().fail()
    await link.back()
    await later(50)
  }
  assert.ok(link.sent.length <= 12, `${link.sent.length} in 10 s`)
})

test('after stop nothing is asked, told or armed', async () => {
  const { link, clock, answers, errors, following } = followed()
  const first = link.last()
  following.stop()
  following.again()
  assert.equal(link.waiting.size, 0)
  await settled()
  assert.equal(first.signal?.aborted, true)
  assert.equal(clock.armed, 0)
  assert.deepEqual([answers, errors], [[], []])
  assert.equal(link.sent.length, 1)
})

test('after a failure the next poll does not wait: with nothing new it would say for long that the plane is away', async () => {
  const { link, later } = followed()
  await later(10_000)
  await link.last().answer({ a: 1 }, '"7"')
  await later(0)
  assert.equal(link.last().request.waitMs, 30_000)
  await later(10_000)
  await link.last().fail(new Error('connection refused'))
  await later(1000)
  assert.equal(link.last().request.waitMs, 0)
  assert.equal(link.last().request.etag, '"7"')
  await link.last().unchanged()
  await later(1000)
  assert.equal(link.last().request.waitMs, 30_000)
})
