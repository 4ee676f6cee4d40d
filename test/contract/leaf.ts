import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Attempt } from '../../src/core/attempt.ts'
import { MeshError } from '../../src/core/errors.ts'
import type { Cancel, CancelKind, Observer } from '../../src/core/hop.ts'
import type { Leaf } from '../../src/core/leaf.ts'
import type { Outcome } from '../../src/core/outcome.ts'
import { until } from '../kit/wait.ts'

/** How a peer behaves towards one attempt. */
export type PeerBehaviour =
  | 'answers'
  | 'answers failure'
  | 'never answers'
  | 'stalls in the body'
  | 'resets before an answer'
  | 'resets in the body'
  | 'refuses'

/** One attempt, ready to be sent to a peer that behaves as was asked. */
export interface LeafBench {
  readonly leaf: Leaf
  readonly attempt: Attempt<unknown>
  /** Requests the peer has got. */
  readonly executed: () => number
  close(): Promise<void>
}

const KINDS: readonly [CancelKind, string][] = [
  ['caller', 'ignored'],
  ['hedge', 'ignored'],
  ['closing', 'ignored'],
  ['try-timeout', 'failure'],
]

/** The laws of `core/hop.ts` and the rules of outcomes, for a transport against real peers. */
export function leafContract(name: string, make: (peer: PeerBehaviour) => Promise<LeafBench>): void {
  const run = async (peer: PeerBehaviour, body: (bench: LeafBench) => Promise<void>): Promise<void> => {
    const bench = await make(peer)
    try {
      await body(bench)
    } finally {
      await bench.close()
    }
  }

  describe(`${name} keeps the laws of leaves`, () => {
    test('an answer: sent, head, end, committed by its delivery', () =>
      run('answers', async ({ leaf, attempt }) => {
        const top = new Top()
        top.send(leaf, attempt)
        const end = await top.ended()
        assert.deepEqual(top.events, ['sent', 'head', 'end'])
        assert.notEqual(top.headOutcome?.class, 'ignored')
        assert.equal(top.headOutcome?.committed, false)
        assert.equal(end.class, 'success')
        assert.equal(end.committed, true)
        assert.equal(end.unsent, false)
      }))

    test('a discarded answer is got rid of by the leaf, ends all the same, and commits to nothing', () =>
      run('answers failure', async ({ leaf, attempt }) => {
        const top = new Top('discard')
        top.send(leaf, attempt)
        const end = await top.ended()
        assert.deepEqual(top.events, ['sent', 'head', 'end'])
        assert.equal(end.class, 'failure')
        assert.equal(end.condition, top.headOutcome?.condition)
        assert.equal(end.committed, false)
      }))

    test('a discarded answer whose body stalls ends all the same', () =>
      run('stalls in the body', async ({ leaf, attempt }) => {
        const top = new Top('discard')
        top.send(leaf, attempt)
        assert.equal((await top.ended()).committed, false)
      }))

    test('a refused connection is provably unsent', () =>
      run('refuses', async ({ leaf, attempt, executed }) => {
        const top = new Top()
        top.send(leaf, attempt)
        const end = await top.ended()
        assert.deepEqual(top.events, ['end'])
        assert.deepEqual(
          [end.class, end.condition, end.unsent, end.committed],
          ['failure', 'connect-failure', true, false],
        )
        assert.equal(executed(), 0)
      }))

    test('what breaks before an answer is not provably unsent; what breaks in the body is committed', async () => {
      await run('resets before an answer', async ({ leaf, attempt }) => {
        const top = new Top()
        top.send(leaf, attempt)
        const end = await top.ended()
        assert.deepEqual(
          [end.class, end.condition, end.unsent, end.committed],
          ['failure', 'reset', false, false],
        )
        assert.equal(end.error?.refusal, false)
      })
      await run('resets in the body', async ({ leaf, attempt }) => {
        const top = new Top()
        top.send(leaf, attempt)
        const end = await top.ended()
        assert.deepEqual(
          [end.class, end.condition, end.unsent, end.committed],
          ['failure', 'reset', false, true],
        )
      })
    })

    for (const [kind, verdict] of KINDS) {
      test(`cancel by ${kind} ends in the same tick at every stage, and what comes later is not heard`, async () => {
        for (const stage of ['queued', 'sent', 'head'] as const) {
          await run(stage === 'head' ? 'stalls in the body' : 'never answers', async ({ leaf, attempt }) => {
            const top = new Top()
            top.send(leaf, attempt)
            if (stage !== 'queued') await until(() => top.events.includes(stage), { what: stage })
            const error = kind === 'caller' ? new Error('left') : new MeshError('TULLE_TRY_TIMEOUT', 'late')
            top.cancel({ kind, error })
            assert.equal(top.events.at(-1), 'end')
            assert.equal(top.outcome?.class, verdict)
            assert.equal(top.outcome.committed, stage === 'head')
            assert.equal(top.outcome.error, kind === 'caller' ? undefined : error)
            const heard = top.events.length
            top.cancel({ kind, error })
            await new Promise((resolve) => setTimeout(resolve, 10))
            assert.equal(top.events.length, heard)
          })
        }
      })
    }

    test('closing waits for what is running, and what comes afterwards is unsent', () =>
      run('never answers', async ({ leaf, attempt }) => {
        const top = new Top()
        top.send(leaf, attempt)
        await until(() => top.events.includes('sent'), { what: 'sent' })
        let closed = false
        const closing = leaf.close().then(() => {
          closed = true
        })
        await new Promise((resolve) => setTimeout(resolve, 10))
        assert.equal(closed, false)
        top.cancel({ kind: 'closing', error: new MeshError('TULLE_CLOSED', 'closing') })
        await closing
      }))
  })
}

/** The topmost observer, which also checks the order of what it hears. */
class Top implements Observer {
  readonly events: ('sent' | 'head' | 'end')[] = []
  headOutcome: Outcome | undefined
  outcome: Outcome | undefined
  cancel: Cancel = () => {}
  readonly #disposition: 'deliver' | 'discard'

  constructor(disposition: 'deliver' | 'discard' = 'deliver') {
    this.#disposition = disposition
  }

  send(leaf: Leaf, attempt: Attempt<unknown>): void {
    this.cancel = leaf.hop(attempt, this)
  }

  sent(): void {
    this.#hear('sent')
  }

  head(outcome: Outcome): 'deliver' | 'discard' {
    this.#hear('head')
    this.headOutcome = outcome
    return this.#disposition
  }

  end(outcome: Outcome): void {
    this.#hear('end')
    this.outcome = outcome
  }

  ended(): Promise<Outcome> {
    return until(() => this.outcome, { what: 'the end of the attempt' })
  }

  #hear(event: 'sent' | 'head' | 'end'): void {
    assert.ok(
      !this.events.includes(event) && !this.events.includes('end'),
      `${event} after ${this.events.join(', ')}`,
    )
    this.events.push(event)
  }
}
