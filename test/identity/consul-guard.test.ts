import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LeafGuard } from '../../src/identity/consul-guard.ts'
import { Problems } from '../../src/identity/problems.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'

const HOUR = 3_600_000
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A guard over a leaf of 100 hours; `answer` is what asking does. */
function guarded(answer: () => Promise<void>) {
  const clock = new ManualClock(0)
  const log = { debug() {}, info() {}, warn() {}, error() {} }
  const problems = new Problems(log)
  const asked: number[] = []
  const ask = (): Promise<void> => {
    asked.push(clock.now() / HOUR)
    return answer()
  }
  const wall = (): number => clock.now()
  const guard = new LeafGuard({ clock, wall, random: () => 0.999, problems, ask })
  guard.watch({ notBeforeMs: 0, notAfterMs: 100 * HOUR })
  const until = async (hour: number): Promise<void> => {
    while (clock.now() < hour * HOUR) {
      clock.advance(Math.min(clock.next ?? Number.POSITIVE_INFINITY, hour * HOUR - clock.now()))
      await turn()
    }
  }
  return { clock, guard, problems, asked, until }
}

test('an agent that has no other leaf yet is asked calmly from 70 to 90 % of the life, and it is no problem', async () => {
  const { guard, problems, asked, until } = guarded(async () => {})
  await until(69.9)
  assert.deepEqual(asked, [])
  await until(89.9)
  assert.deepEqual(
    asked.map((hour) => Math.round(hour)),
    [70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89],
  )
  assert.equal(problems.text, undefined)
  await until(90.1)
  assert.match(problems.text ?? '', /which ends in 9 h 5\d min, was not renewed: the agent has no other/)
  guard.stop()
})

test('an agent that fails is asked with back-off from a quarter of a second to a minute, past the end too', async () => {
  const { clock, guard, problems, asked, until } = guarded(async () => {
    throw new Error('no leader')
  })
  await until(70.1)
  assert.match(problems.text ?? '', /ends in 29 h|ends in 1 d 5 h/)
  assert.match(problems.text ?? '', /no leader/)
  const gaps = asked.slice(1).map((hour, at) => Math.round((hour - asked[at]!) * 3600 * 4) / 4)
  assert.deepEqual(gaps.slice(0, 8), [0.25, 0.5, 1, 2, 4, 8, 16, 32])
  assert.ok(Math.max(...gaps) <= 60)
  await until(101)
  assert.match(problems.text ?? '', /which ended 59 min|which ended 1 h ago/)
  const before = asked.length
  await until(101.01)
  assert.ok(asked.length > before)
  guard.stop()
  assert.equal(clock.armed, 0)
})

test('a leaf that comes ends the alarm, and one whose root is gone is asked for at once', async () => {
  const { guard, problems, asked, until } = guarded(async () => {})
  guard.rooted(true)
  await until(1)
  assert.equal(asked.length, 0)
  guard.rooted(false)
  guard.rooted(false)
  await until(1.001)
  assert.ok(asked.length >= 3)
  assert.match(problems.text ?? '', /which leads to none of the roots, was not renewed/)
  guard.watch({ notBeforeMs: 0, notAfterMs: 200 * HOUR })
  assert.equal(problems.text, undefined)
  const before = asked.length
  await until(139)
  assert.equal(asked.length, before)
  guard.stop()
})
