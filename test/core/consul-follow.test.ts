import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type ConsulAnswer,
  type ConsulLink,
  ConsulRefusal,
  type ConsulRequest,
} from '../../src/core/consul.ts'
import { type ConsulFollowOptions, followConsul } from '../../src/core/consul-follow.ts'
import { isMeshError } from '../../src/core/errors.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { settled } from '../kit/fake-link.ts'

interface Asked {
  readonly atMs: number
  readonly request: ConsulRequest
  readonly open: () => boolean
  answer(body: unknown, index?: number): Promise<void>
  fail(error?: unknown): Promise<void>
}

class FakeConsul implements Pick<ConsulLink, 'send' | 'onReachable'> {
  readonly asked: Asked[] = []
  readonly listeners = new Set<() => void>()
  readonly #clock: ManualClock

  constructor(clock: ManualClock) {
    this.#clock = clock
  }

  send(request: ConsulRequest, signal?: AbortSignal): Promise<ConsulAnswer> {
    return new Promise((resolve, reject) => {
      let open = true
      const end = async (fn: () => void): Promise<void> => {
        open = false
        fn()
        await settled()
      }
      signal?.addEventListener('abort', () => void end(() => reject(signal.reason)))
      this.asked.push({
        atMs: this.#clock.now(),
        request,
        open: () => open,
        answer: (body, index) =>
          end(() => {
            const digest = JSON.stringify(body)
            resolve({ status: 200, index, digest, body, filtered: false, knownLeader: true })
          }),
        fail: (error = new Error('the agent is down')) => end(() => reject(error)),
      })
    })
  }

  onReachable(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  get last(): Asked {
    return this.asked.at(-1) as Asked
  }

  get outstanding(): number {
    return this.asked.filter(({ open }) => open()).length
  }
}

function followed(options: Partial<ConsulFollowOptions> = {}) {
  const clock = new ManualClock()
  const link = new FakeConsul(clock)
  const told: unknown[] = []
  const errors: unknown[] = []
  let unchanged = 0
  const own = { path: '/v1/health/service/orders' }
  const following = followConsul({
    link,
    clock,
    random: () => 1,
    request: () => ({ method: 'GET', path: own.path }),
    onAnswer: ({ body }) => void told.push(body),
    onUnchanged: () => void unchanged++,
    onError: (error) => void errors.push(error),
    ...options,
  })
  const later = async (ms: number): Promise<void> => {
    clock.advance(ms)
    await settled()
  }
  /** Answers whatever is asked, at once, for so long. */
  const busy = async (forMs: number, answer: (asked: Asked) => Promise<void>): Promise<void> => {
    for (let ms = 0; ms <= forMs; ms += 50) {
      for (let n = 0; n < 50 && link.last.open(); n++) {
        assert.equal(link.outstanding, 1)
        await answer(link.last)
        await later(0)
      }
      await later(50)
    }
  }
  return { clock, link, told, errors, following, later, busy, own, unchanged: () => unchanged }
}

test('the first question does not wait, the next ones carry the index and wait 55 s, one at a time', async () => {
  const { link, told, later } = followed()
  assert.deepEqual([link.last.request.index, link.outstanding], [undefined, 1])
  await link.last.answer(['a'], 5)
  await later(0)
  assert.deepEqual([link.last.request.index, link.last.request.waitMs], [5, 55_000])
  await later(3000)
  await link.last.answer(['a', 'b'], 6)
  await later(0)
  assert.equal(link.last.request.index, 6)
  assert.deepEqual(told, [['a'], ['a', 'b']])
  assert.equal(link.outstanding, 1)
})

test('a return is no proof of change: the same bytes are told once', async () => {
  const { link, told, unchanged, later } = followed()
  await link.last.answer(['a'], 5)
  await later(2000)
  await link.last.answer(['a'], 9)
  await later(2000)
  assert.equal(link.last.request.index, 9)
  assert.deepEqual(told, [['a']])
  assert.equal(unchanged(), 1)
})

test('FAULTS 22: an index that goes backwards, is 0 or absent makes the next question begin at 0', async () => {
  for (const index of [3, 0, undefined]) {
    const { link, told, later } = followed()
    await link.last.answer(['a'], 5)
    await later(2000)
    await link.last.answer(['b'], index)
    await later(2000)
    assert.equal(link.last.request.index, undefined, String(index))
    await link.last.answer(['c'], 4)
    await later(2000)
    assert.equal(link.last.request.index, 4)
    assert.deepEqual(told, [['a'], ['b'], ['c']])
  }
})

test('FAULTS 22: no index can make us spin: absent, always forwards or always backwards, two at once and then one a second', async () => {
  let number = 0
  for (const index of [() => undefined, () => ++number, () => 1_000_000 - ++number, () => 7]) {
    const { link, busy } = followed()
    await busy(10_000, (asked) => asked.answer(['same'], index()))
    // The first answer is news, and news may be asked about at once.
    assert.ok(link.asked.length <= 13, `${link.asked.length} in 10 s`)
    assert.ok(link.asked.length >= 10)
  }
})

test('FAULTS 22: an agent that has something new each time is asked ten times more at once, then one a second', async () => {
  const { link, busy } = followed()
  let number = 0
  await busy(10_000, (asked) => asked.answer([++number], number))
  assert.ok(link.asked.length <= 2 + 10 + 11 + 10, `${link.asked.length} in 10 s`)
})

test('FAULTS 23: a cluster made anew answers at the end of the wait, and within a minute all is known', async () => {
  const { clock, link, told, later } = followed()
  await link.last.answer(['old'], 90_000)
  await later(0)
  const since = clock.now()
  const { waitMs = 0 } = link.last.request
  // Consul waits for an index far ahead, and says after the wait and its sixteenth where it is.
  await later(waitMs + waitMs / 16)
  await link.last.answer(['new'], 12)
  assert.ok(clock.now() - since <= 60_000)
  assert.deepEqual(told, [['old'], ['new']])
  await later(1000)
  assert.equal(link.last.request.index, undefined)
})

test('FAULTS 25: a refusal has no index, what was known stays, and the next question begins at 0', async () => {
  const { link, told, errors, later } = followed()
  await link.last.answer(['a'], 5)
  await later(2000)
  await link.last.fail(new ConsulRefusal(403, 'ACL not found', 'refused'))
  await later(250)
  assert.equal(link.last.request.index, undefined)
  assert.equal((errors[0] as ConsulRefusal).status, 403)
  await link.last.answer(['a'], 5)
  await later(1000)
  assert.deepEqual(told, [['a']], 'the same as before is no news')
  assert.equal(link.last.request.index, 5)
})

test('FAULTS 27: errors back off with full jitter from 250 ms to 15 s, one question at a time', async () => {
  const { clock, link, errors, later } = followed()
  const waits: (number | undefined)[] = []
  for (let n = 0; n < 8; n++) {
    await later(2000)
    await link.last.fail()
    assert.equal(link.outstanding, 0)
    waits.push(clock.next)
    await later(clock.next ?? 0)
  }
  assert.deepEqual(waits, [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000])
  assert.equal(errors.length, 8)
})

test('FAULTS 20: who backs off asks at once when the agent is back', async () => {
  const { clock, link, later } = followed()
  for (let n = 0; n < 7; n++) {
    await later(2000)
    await link.last.fail()
    if (n < 6) await later(clock.next ?? 0)
  }
  assert.equal(clock.next, 15_000)
  await later(2000)
  for (const listener of link.listeners) listener()
  await later(0)
  assert.equal(link.outstanding, 1)
})

test('FAULTS 27: a watch that hangs is given up 5 s after it was due, and asked again from the start', async () => {
  const { link, errors, later } = followed()
  await link.last.answer(['a'], 5)
  await later(0)
  const hanging = link.last
  await later(55_000 + 55_000 / 16 + 4999)
  assert.equal(hanging.open(), true)
  await later(1)
  assert.equal(hanging.open(), false)
  const [error] = errors
  assert.ok(isMeshError(error))
  assert.equal(error.code, 'TULLE_CONSUL')
  assert.match(error.message, /no answer to \/v1\/health\/service\/orders within 63 s/)
  await later(250)
  assert.equal(link.last.request.index, undefined)
  assert.equal(link.outstanding, 1)
})

test('an answer that its receiver throws at is asked for anew, whole, and told again', async () => {
  let good = false
  const seen: unknown[] = []
  const { link, errors, later } = followed({
    onAnswer: ({ body }) => {
      if (!good) throw new RangeError('port 70000')
      seen.push(body)
    },
  })
  await link.last.answer(['x'], 5)
  assert.equal(String(errors[0]), 'RangeError: port 70000')
  await later(1000)
  assert.equal(link.last.request.index, undefined)
  good = true
  await link.last.answer(['x'], 5)
  assert.deepEqual(seen, [['x']])
})

test('another question begins at 0 at once; what the old one still says is not told', async () => {
  const { link, told, following, own, later } = followed()
  await link.last.answer(['a'], 500)
  await later(0)
  const old = link.last
  assert.equal(old.request.index, 500)
  own.path = '/v1/health/connect/orders'
  following.again()
  assert.equal(old.open(), false)
  assert.deepEqual(
    [link.last.request.path, link.last.request.index],
    ['/v1/health/connect/orders', undefined],
  )
  await old.answer(['late'], 501)
  await link.last.answer(['a'], 4)
  assert.deepEqual(told, [['a'], ['a']], 'the same bytes are news where the question is another')
})

test('the same question asked again keeps its index', async () => {
  const { link, following, later } = followed()
  await link.last.answer(['a'], 500)
  await later(0)
  following.again()
  assert.equal(link.last.request.index, 500)
  assert.equal(link.outstanding, 1)
})

test('after stop nothing is asked, told or armed', async () => {
  const { clock, link, told, errors, following } = followed()
  following.stop()
  await settled()
  assert.deepEqual([link.outstanding, clock.armed, link.listeners.size], [0, 0, 0])
  assert.deepEqual([told, errors], [[], []])
})

test('a question that takes several requests is followed by what they make together, back-off and all', async () => {
  const fails = { next: false }
  const indexes: (number | undefined)[] = []
  const { link, told, errors, following, later } = followed({
    send: async ({ index }) => {
      indexes.push(index)
      if (fails.next) throw new Error('the second answer was a refusal')
      return {
        status: 200,
        index: 7,
        digest: String(indexes.length),
        body: 'both',
        filtered: false,
        knownLeader: true,
      }
    },
  })
  await settled()
  assert.deepEqual([told, indexes, link.asked.length], [['both'], [undefined], 0])
  fails.next = true
  await later(0)
  assert.equal(errors.length, 1)
  assert.deepEqual(indexes, [undefined, 7])
  fails.next = false
  for (const listener of link.listeners) listener()
  await later(1000)
  assert.deepEqual(indexes, [undefined, 7, undefined], 'asked anew when the agent is back')
  following.stop()
})
