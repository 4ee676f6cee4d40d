import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { KEEP_BYTES, Replay } from '../../src/grpc/replay.ts'
import { ReplayAccount } from '../../src/grpc/replay-account.ts'
import type { Link } from '../../src/grpc/wire.ts'

/** An attempt that accepts when the test says so, or at once. */
class ScriptedLink implements Link {
  readonly written: Buffer[] = []
  readonly flags: (number | undefined)[] = []
  halfCloses = 0
  atOnce = false
  #accepted: (() => void) | undefined

  write(message: Buffer, flags: number | undefined, accepted: () => void): void {
    assert.equal(this.#accepted, undefined, 'a message before the last was accepted')
    assert.equal(this.halfCloses, 0, 'a message after the half-close')
    this.written.push(message)
    this.flags.push(flags)
    if (this.atOnce) accepted()
    else this.#accepted = accepted
  }

  halfClose(): void {
    this.halfCloses++
  }

  read(): void {}

  get busy(): boolean {
    return this.#accepted !== undefined
  }

  accept(): void {
    const accepted = this.#accepted
    this.#accepted = undefined
    accepted?.()
  }
}

class Application {
  readonly account: ReplayAccount
  readonly replay: Replay
  /** Numbers of the messages it was told are taken. */
  readonly taken: number[] = []
  readonly sent: Buffer[] = []

  constructor(account = new ReplayAccount()) {
    this.account = account
    this.replay = new Replay(account, { taken: (callback) => callback() })
  }

  send(bytes: number, flags?: number): void {
    const number = this.sent.length
    const message = Buffer.alloc(bytes, number)
    this.sent.push(message)
    this.replay.send(message, flags, () => this.taken.push(number))
  }
}

const nextTick = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve))

describe('flow', () => {
  test('one message at a time: the next when the attempt has accepted the last, and the application is told then', () => {
    const app = new Application()
    const link = new ScriptedLink()
    app.send(10, 2)
    app.send(10)
    assert.deepEqual(app.taken, [])
    app.replay.attach(link)
    assert.equal(link.written.length, 1)
    assert.deepEqual(link.flags, [2])
    link.accept()
    assert.deepEqual(app.taken, [0])
    assert.equal(link.written.length, 2)
    link.accept()
    assert.deepEqual(app.taken, [0, 1])
  })

  test('the half-close goes with a small last message, and after a large one is accepted', () => {
    for (const [bytes, before] of [
      [16_384, 1],
      [16_385, 0],
    ] as const) {
      const app = new Application()
      const link = new ScriptedLink()
      app.replay.attach(link)
      app.send(bytes)
      app.replay.halfClose()
      assert.equal(link.halfCloses, before)
      link.accept()
      assert.equal(link.halfCloses, 1)
    }
  })

  test('a link that accepts in the same tick is fed by a loop', () => {
    const app = new Application()
    const link = new ScriptedLink()
    link.atOnce = true
    for (let i = 0; i < 9_000; i++) app.send(1)
    app.replay.attach(link)
    app.replay.halfClose()
    assert.equal(app.taken.length, 9_000)
    const again = new ScriptedLink()
    again.atOnce = true
    app.replay.attach(again)
    assert.equal(again.written.length, 9_000)
    assert.equal(again.halfCloses, 1)
    assert.equal(app.taken.length, 9_000)
  })

  test('whoever waits when the call ends is told in a later tick, and so is whoever sends after it', async () => {
    const app = new Application()
    app.replay.attach(new ScriptedLink())
    app.send(1)
    app.send(1)
    app.replay.close()
    app.send(1)
    assert.deepEqual(app.taken, [])
    await nextTick()
    assert.deepEqual(app.taken, [0, 1, 2])
  })
})

describe('another attempt', () => {
  test('is fed from the first message; the application hears of no message twice', () => {
    const app = new Application()
    const first = new ScriptedLink()
    app.replay.attach(first)
    app.send(1)
    first.accept()
    app.send(2)
    app.replay.halfClose()
    app.replay.detach(first)
    const second = new ScriptedLink()
    app.replay.attach(second)
    first.accept()
    assert.deepEqual(app.taken, [0], 'the first is deaf')
    second.accept()
    assert.deepEqual(app.taken, [0])
    second.accept()
    assert.deepEqual(app.taken, [0, 1])
    assert.deepEqual(second.written, app.sent)
    assert.equal(second.halfCloses, 1)
  })

  test('the detaching of an attempt whose place another has taken is nothing', () => {
    const app = new Application()
    const first = new ScriptedLink()
    const second = new ScriptedLink()
    app.replay.attach(first)
    app.replay.attach(second)
    app.replay.detach(first)
    app.send(1)
    assert.equal(first.written.length, 0)
    assert.equal(second.written.length, 1)
  })

  test('a message of any size waits for the next attempt while none has accepted it', () => {
    const app = new Application()
    const first = new ScriptedLink()
    app.send(5 * KEEP_BYTES)
    app.replay.attach(first)
    app.replay.detach(first)
    assert.equal(app.replay.replayable, true)
    const second = new ScriptedLink()
    app.replay.attach(second)
    assert.equal(second.written[0], app.sent[0])
    second.accept()
    assert.equal(app.replay.replayable, false)
    assert.deepEqual(app.taken, [0])
  })
})

describe('bounds', () => {
  const accepted = (app: Application, ...sizes: number[]): ScriptedLink => {
    const link = new ScriptedLink()
    link.atOnce = true
    app.replay.attach(link)
    for (const bytes of sizes) app.send(bytes)
    return link
  }

  test('1 MiB of a call is kept, and a byte more is the end of replaying: everything kept is let go', () => {
    const app = new Application()
    accepted(app, KEEP_BYTES - 1, 1)
    assert.equal(app.replay.replayable, true)
    assert.equal(app.account.usedBytes, KEEP_BYTES)
    app.send(1)
    assert.equal(app.replay.replayable, false)
    assert.equal(app.account.usedBytes, 0)
    app.send(1)
    assert.equal(app.account.usedBytes, 0)
  })

  test('the route may say less, or nothing at all', () => {
    const app = new Application()
    app.replay.keepBytes = 0
    accepted(app, 0)
    assert.equal(app.replay.replayable, true)
    app.send(1)
    assert.equal(app.replay.replayable, false)
  })

  test('empty messages are bounded too', () => {
    const app = new Application()
    accepted(app, ...new Array(10_000).fill(0))
    assert.equal(app.replay.replayable, true)
    app.send(0)
    assert.equal(app.replay.replayable, false)
  })

  test('16 MiB are kept in a process: who comes later is not replayed, and the room comes back', () => {
    const account = new ReplayAccount()
    const calls = Array.from({ length: 17 }, () => new Application(account))
    for (const app of calls) accepted(app, KEEP_BYTES)
    assert.equal(account.usedBytes, 16 * KEEP_BYTES)
    assert.deepEqual(
      calls.map((app) => app.replay.replayable),
      [...new Array(16).fill(true), false],
    )
    for (const app of calls) app.replay.close()
    assert.equal(account.usedBytes, 0)
  })

  test('the beginning of the answer commits: nothing is kept from then on', () => {
    const app = new Application()
    accepted(app, 10, 20)
    app.replay.commit()
    assert.equal(app.account.usedBytes, 0)
    app.send(30)
    assert.equal(app.account.usedBytes, 0)
    assert.deepEqual(app.taken, [0, 1, 2])
  })

  test('an answer that begins while an attempt is still being fed takes nothing away from it', () => {
    const app = new Application()
    accepted(app, 10, 20)
    const second = new ScriptedLink()
    app.replay.attach(second)
    app.replay.commit()
    assert.equal(app.replay.replayable, false)
    second.accept()
    second.accept()
    assert.deepEqual(second.written, app.sent)
    assert.equal(app.account.usedBytes, 0)
    app.send(5)
    second.accept()
    assert.deepEqual(app.taken, [0, 1, 2])
  })
})

type Step =
  | { readonly do: 'send'; readonly bytes: number }
  | { readonly do: 'accept' | 'retry' | 'commit' | 'halfClose' | 'close' }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('send' as const), bytes: fc.nat(60) }) },
  { weight: 8, arbitrary: fc.constant({ do: 'accept' as const }) },
  { weight: 2, arbitrary: fc.constant({ do: 'retry' as const }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      { do: 'commit' as const },
      { do: 'halfClose' as const },
      { do: 'close' as const },
    ),
  },
)

/** Some calls of one process, whatever happens to them. */
test('what is counted is what is kept, within both bounds, and comes back exactly once', async () => {
  const plan = fc.array(fc.tuple(fc.nat(3), step), { maxLength: 120 })
  await fc.assert(
    fc.asyncProperty(plan, async (steps) => {
      const account = new ReplayAccount(250)
      const calls = Array.from({ length: 4 }, () => {
        const app = new Application(account)
        app.replay.keepBytes = 100
        const link = new ScriptedLink()
        app.replay.attach(link)
        return { app, link, complete: false }
      })
      for (const [index, what] of steps) {
        const call = calls[index] as (typeof calls)[number]
        const { app } = call
        if (what.do === 'send' && !call.complete) app.send(what.bytes)
        else if (what.do === 'accept') call.link.accept()
        else if (what.do === 'retry' && app.replay.replayable) {
          app.replay.detach(call.link)
          call.link = new ScriptedLink()
          app.replay.attach(call.link)
        } else if (what.do === 'halfClose' && !call.complete) {
          call.complete = true
          app.replay.halfClose()
        } else if (what.do === 'commit') app.replay.commit()
        else if (what.do === 'close') {
          call.complete = true
          app.replay.close()
        }
        const kept = calls.reduce((sum, one) => sum + one.app.replay.keptBytes, 0)
        assert.equal(account.usedBytes, kept)
        assert.ok(kept <= 250)
        for (const one of calls) {
          assert.ok(one.app.replay.keptBytes <= 100)
          assert.deepEqual(one.link.written, one.app.sent.slice(0, one.link.written.length))
          assert.ok(one.link.halfCloses === 0 || one.link.written.length === one.app.sent.length)
        }
      }
      for (const { app } of calls) app.replay.close()
      await nextTick()
      assert.equal(account.usedBytes, 0)
      for (const { app } of calls) assert.deepEqual(app.taken, [...app.sent.keys()])
    }),
  )
})

test('it is under way while an attempt is fed, whatever has been sent by then', () => {
  const { replay } = new Application()
  assert.equal(replay.attached, false)
  const link = new ScriptedLink()
  replay.attach(link)
  assert.equal(replay.attached, true)
  replay.detach(new ScriptedLink())
  assert.equal(replay.attached, true)
  replay.detach(link)
  assert.equal(replay.attached, false)
})
