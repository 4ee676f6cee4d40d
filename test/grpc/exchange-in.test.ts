import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Metadata, type ServerInterceptingCallInterface, type StatusObject, status } from '@grpc/grpc-js'
import fc from 'fast-check'
import { MeshError } from '../../src/core/errors.ts'
import { type Cancel, type CancelReason, type Hop, NOTHING_TO_CANCEL } from '../../src/core/hop.ts'
import { refusal } from '../../src/core/outcome.ts'
import type { Carrier } from '../../src/grpc/carrier.ts'
import { ExchangeIn } from '../../src/grpc/exchange-in.ts'
import type { GrpcInboundCall } from '../../src/grpc/inbound-call.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { inboundHarness } from '../kit/inbound-harness.ts'

type Listener = Parameters<ServerInterceptingCallInterface['start']>[0]

const closing = (): CancelReason => ({
  kind: 'closing',
  error: new MeshError('TULLE_CLOSED', 'given up', { layer: 'test' }),
})

/** What grpc-js has nearest to the stream: a status or a reset is its end, and the news of that comes a tick later. */
class Stream {
  listener: Listener | undefined
  readonly statuses: number[] = []
  readonly sent: string[] = []
  cancelled = false
  #news: (() => void) | undefined

  start(listener: Listener): void {
    if (this.cancelled) return
    this.listener = listener
    const metadata = new Metadata()
    metadata.set('x-envoy-expected-rq-timeout-ms', '1000')
    listener.onReceiveMetadata(metadata)
  }

  sendMetadata(): void {
    if (!this.cancelled) this.sent.push('metadata')
  }

  sendMessage(): void {
    if (!this.cancelled) this.sent.push('message')
  }

  sendStatus({ code }: { code: number }): void {
    if (this.cancelled) return
    this.statuses.push(code)
    this.reset()
  }

  reset(): void {
    if (this.cancelled) return
    this.cancelled = true
    this.#news = () => this.listener?.onCancel()
  }

  tick(): void {
    const news = this.#news
    this.#news = undefined
    news?.()
  }

  getDeadline(): number {
    return Number.POSITIVE_INFINITY
  }

  getHost(): string {
    return 'pricing.mesh'
  }

  getPeer(): string {
    return '192.0.2.1:1000'
  }
}

/** A call that a layer holds, and all that may happen to it. */
class Scene {
  readonly clock = new ManualClock()
  readonly stream = new Stream()
  readonly heard: string[] = []
  /** What the application was told while it must not be. */
  readonly wrong: string[] = []
  readonly harness
  readonly counted = { began: 0, ceased: 0 }
  readonly exchange: ExchangeIn
  #go: () => void = () => {}
  #refuse: () => void = () => {}
  #giveUp: () => void = () => {}

  constructor() {
    const harness = inboundHarness({
      clock: this.clock,
      layer: (next) => (call, observer) => {
        let state: 'held' | 'running' | 'over' = 'held'
        let inner: Cancel = NOTHING_TO_CANCEL
        this.#go = () => {
          if (state !== 'held') return
          state = 'running'
          inner = next(call, observer)
        }
        this.#refuse = () => {
          if (state !== 'held') return
          state = 'over'
          observer.end(refusal(new MeshError('TULLE_OVERLOADED', 'no', { layer: 'test' })))
        }
        const cancel: Cancel = (reason) => {
          if (state === 'running') inner(reason)
          else if (state === 'held') {
            state = 'over'
            observer.end({ class: 'ignored', committed: false, unsent: true })
          }
        }
        this.#giveUp = () => cancel(closing())
        return cancel
      },
    })
    this.harness = harness
    const { runtime } = harness
    const { counted } = this
    const carrier: Carrier = {
      runtime,
      hop: runtime.inbound((call, observer) =>
        (call.wire as ExchangeIn).begin(call as unknown as GrpcInboundCall, observer),
      ) as Hop<GrpcInboundCall>,
      open: false,
      maxHeaderBytes: 0,
      caller: () => ({ address: '192.0.2.1' }),
      began: () => counted.began++,
      ceased: () => counted.ceased++,
      goAway: () => {},
    }
    this.exchange = new ExchangeIn(carrier, '/pkg.Service/Method', this.stream as never)
    const note = (what: string): void => {
      if (this.heard.includes('cancel') || (what !== 'metadata' && !this.heard.includes('metadata')))
        this.wrong.push(what)
      this.heard.push(what)
    }
    this.exchange.start({
      onReceiveMetadata: () => note('metadata'),
      onReceiveMessage: () => note('message'),
      onReceiveHalfClose: () => note('half-close'),
      onCancel: () => this.heard.push('cancel'),
    })
  }

  readonly steps: Record<string, () => void> = {
    'the layer lets it through': () => this.#go(),
    'the layer refuses it': () => this.#refuse(),
    'the layer gives it up': () => this.#giveUp(),
    'the caller resets': () => this.stream.reset(),
    'a tick': () => this.stream.tick(),
    'a message': () => this.stream.listener?.onReceiveMessage({}),
    'the half-close': () => this.stream.listener?.onReceiveHalfClose(),
    'the application sends metadata': () => this.exchange.sendMetadata(new Metadata()),
    'the application sends a message': () => this.exchange.sendMessage({}, () => {}),
    'the application ends it': () =>
      this.exchange.sendStatus({ code: status.OK, details: '' } as StatusObject),
    'the deadline passes': () => this.clock.advance(1000),
  }
}

const STEPS = Object.keys(new Scene().steps)

test('FAULTS 65, incident 40: whatever happens to a call in whatever order, it ends once and everything is released', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...STEPS), { maxLength: 12 }), (steps) => {
      const scene = new Scene()
      for (const step of steps) scene.steps[step]!()
      const { stream, harness, heard, counted } = scene
      const over = stream.cancelled
      scene.stream.reset()
      scene.stream.tick()
      for (const step of STEPS) scene.steps[step]!()
      assert.deepEqual(scene.wrong, [], 'nothing reaches a handler before its metadata or after its end')
      assert.ok(heard.filter((what) => what === 'metadata').length <= 1)
      assert.equal(heard.filter((what) => what === 'cancel').length, 1)
      assert.ok(stream.statuses.length <= 1)
      assert.ok(over || stream.statuses.length === 0)
      assert.deepEqual(counted, { began: 1, ceased: 1 })
      const [{ heads, ends, call }] = harness.seen as [(typeof harness.seen)[0]]
      assert.equal(ends.length, 1)
      assert.ok(heads.length <= 1)
      assert.equal(harness.gate.inFlight, 0)
      const scope = call.ambient.scope!
      assert.equal(scope.cancelled && scope.finished, false)
      if (heard.includes('metadata')) assert.ok(scope.cancelled || scope.finished)
    }),
    { numRuns: 5000 },
  )
})
