import assert from 'node:assert/strict'
import { test } from 'node:test'
import { growth, type Look, more } from '../kit/steady/judge.ts'
import type { Left } from '../kit/steady/left.ts'
import { type Course, run } from '../kit/steady/run.ts'

const CALLS = 1_000_000
const WARM = 200_000
const EVERY = 50_000
const CALLERS = 32
/** Bytes that a call may leave behind: the smallest thing there is, one reference, takes eight. */
const BYTES_PER_CALL = 2
/** Of code, which is compiled anew where the calls turn out to be others than expected. */
const CODE_BYTES_PER_CALL = 4
/** Two services in plaintext and one with mutual TLS, a connection for every caller each, and as many that just broke. */
const SOCKETS = 4 * CALLERS
const CLOSE_MS = 10_000
const LINGER_MS = 5_000

/** What may come of a call, by the path it asks for; where the caller leaves, anything. */
const EXPECTED: readonly RegExp[] = [
  /^\w+ \/items 200 1024$/,
  /^\w+ \/flaky (200 1024|503 7)$/,
  /^\w+ \/missing 404 12$/,
  /^fetch \/zipped 200 1024$/,
  /^dispatch \/zipped 200 \d+$/,
  /^fetch \/moved 200 1024$/,
  /^dispatch \/moved 302 0$/,
  /^\w+ \/long 200 200000$/,
  /^\w+ \/reset TULLE_RESET$/,
  /^\w+ \/never (TULLE_\w+|504 \d+)$/,
  /^\w+ \/nobody TULLE_UNKNOWN_SERVICE$/,
  /^fetch \/\w+ \d+ unread$/,
  /, leaving$/,
]

test('a million calls in every way leave neither heap nor handles behind, on both sides; closing leaves nothing at all', async (t) => {
  const looks = Array.from({ length: (CALLS - WARM) / EVERY + 1 }, (_, n) => WARM + n * EVERY)
  const seen = await run(t, { looks, callers: CALLERS, withinMs: 1_800_000 })

  const last = seen.looks.at(-1) as Look
  assert.equal(last.calls, CALLS)
  t.diagnostic(`${last.calls} calls in ${last.seconds.toFixed(0)} s, ${last.cpuSeconds.toFixed(0)} s of CPU`)
  for (const side of ['caller', 'server'] as const) {
    for (const what of ['heap', 'code'] as const) {
      const sizes = seen.looks.map((look) => (look[side][what] / 2 ** 20).toFixed(2))
      t.diagnostic(`${side}: ${what} after collection, MiB, every ${EVERY} calls: ${sizes.join(' ')}`)
    }
    const [first] = seen.looks as [Look]
    for (const look of [first, last])
      t.diagnostic(
        `${side}: open after ${look.calls} calls ${JSON.stringify(look[side].resources)}, ${look[side].handles} handles`,
      )
  }

  const unexpected = Object.keys(seen.ends).filter((end) => !EXPECTED.some((one) => one.test(end)))
  assert.deepEqual(unexpected, [])
  const counted = (pattern: RegExp): number =>
    Object.entries(seen.ends).reduce((sum, [end, count]) => sum + (pattern.test(end) ? count : 0), 0)
  for (const [what, atLeast] of [
    [/^fetch /, 390_000],
    [/^dispatch /, 590_000],
    [/flaky 200/, 5_000],
    [/ 404 /, 5_000],
    [/RESET/, 500],
    [/DEADLINE|504/, 250],
    [/ left, leaving/, 1_500],
    [/unread/, 1_000],
    [/UNKNOWN/, 500],
  ] as const)
    assert.ok(counted(what) > atLeast, `${what}: ${counted(what)}`)
  assert.ok(last.spans > 10_000, `${last.spans} spans exported`)

  for (const side of ['caller', 'server'] as const) {
    const held = (what: 'heap' | 'code' | 'outside'): number => growth(seen.looks, (look) => look[side][what])
    const heap = held('heap')
    const code = held('code')
    const outside = held('outside')
    t.diagnostic(
      `${side}: bytes a call: ${heap.toFixed(2)} of objects, ${code.toFixed(2)} of code, ${outside.toFixed(2)} outside of the heap`,
    )
    assert.ok(heap < BYTES_PER_CALL, `${side}: ${heap} bytes of objects a call`)
    assert.ok(code < CODE_BYTES_PER_CALL, `${side}: ${code} bytes of code a call`)
    assert.ok(outside < BYTES_PER_CALL, `${side}: ${outside} bytes outside of the heap a call`)
  }
  const [first] = seen.looks as [Look]
  for (const look of seen.looks) {
    assert.deepEqual(more(first.caller, look.caller), [], `the caller after ${look.calls} calls`)
    assert.deepEqual(more(first.server, look.server, SOCKETS), [], `the server after ${look.calls} calls`)
    assert.equal(look.listeners, 0, `listeners on a signal after ${look.calls} calls`)
  }

  for (const [side, course] of [
    ['caller', seen.caller],
    ['server', seen.server],
  ] as const satisfies [string, Course][]) {
    const { before, closed, lingeredMs, code, stderr } = course
    t.diagnostic(
      `${side}: closed in ${closed.closeMs.toFixed(0)} ms, ended ${lingeredMs.toFixed(0)} ms later`,
    )
    assert.deepEqual(more(before as Left, closed), [], `${side}: left after it closed`)
    assert.ok(closed.closeMs < CLOSE_MS, `${side}: closed in ${closed.closeMs} ms`)
    assert.ok(lingeredMs < LINGER_MS, `${side}: ended by itself, but ${lingeredMs} ms later`)
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' }, side)
  }
})

test('what each call leaves is seen in the slope of what is held, and what comes and goes is not', () => {
  const left = (heap: number): Left => ({
    heap,
    code: 0,
    outside: 0,
    resident: 0,
    resources: {},
    handles: 0,
    listeners: 0,
  })
  const looks = (heapAfter: (calls: number) => number): Look[] =>
    Array.from({ length: 17 }, (_, n) => WARM + n * EVERY).map((calls, n) => ({
      calls,
      seconds: 0,
      cpuSeconds: 0,
      spans: 0,
      listeners: 0,
      caller: left(heapAfter(calls) + (n % 2) * 400_000),
      server: left(0),
    }))
  const slope = (heapAfter: (calls: number) => number): number =>
    growth(looks(heapAfter), (look) => look.caller.heap)
  assert.ok(slope(() => 3e7) < 0.3)
  assert.ok(slope((calls) => 3e7 + 8 * calls) > 7.5)
  assert.ok(slope((calls) => 3e7 + 500 * Math.floor(calls / 100)) > BYTES_PER_CALL)
  const before = { ...left(0), resources: { PipeWrap: 2, FSReqPromise: 1 } }
  const after = { ...left(0), resources: { PipeWrap: 2, TCPSocketWrap: 3 }, handles: 3 }
  assert.deepEqual(more(before, after), ['TCPSocketWrap: 0, then 3', 'handles: 0, then 3'])
  assert.deepEqual(more(before, after, 3), [])
})
