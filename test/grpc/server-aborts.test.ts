import assert from 'node:assert/strict'
import { test } from 'node:test'
import { status } from '@grpc/grpc-js'
import { MeshError } from '../../src/core/errors.ts'
import type { CallLayer, CancelReason } from '../../src/core/hop.ts'
import { refusal } from '../../src/core/outcome.ts'
import { meshOf } from '../../src/grpc/mesh-of.ts'
import { ambientStore } from '../../src/platform/als.ts'
import { type InboundGrpc, inboundGrpc } from '../kit/grpc/inbound.ts'
import { observe } from '../kit/grpc/observe.ts'
import { Pricing, type PricingClient } from '../kit/grpc/pricing.ts'
import { until } from '../kit/wait.ts'

/** Handlers that come as far as a test says and then wait for ever. */
function stopping(scene: InboundGrpc, noted: string[]): (moment: string) => void {
  let stop = ''
  const begin = (call: any): void => {
    const mesh = meshOf(call)
    mesh?.signal.addEventListener('abort', () => noted.push('signal'))
    ambientStore.get()?.scope?.onCancel(() => noted.push('children'))
    call.on('cancelled', () => noted.push('cancelled'))
    call.on('error', () => {})
    noted.push('begun')
  }
  scene.grpc.removeService(Pricing.service)
  scene.grpc.addService(Pricing.service, {
    quote: (call: any, done: any) => {
      begin(call)
      if (stop === 'metadata') call.sendMetadata(call.metadata.clone())
      if (stop === 'answered') done(null, {})
    },
    upload: (call: any) => {
      begin(call)
      call.on('data', () => noted.push('message'))
    },
    watch: (call: any) => {
      begin(call)
      if (stop !== 'begun') call.write({ index: 1 })
    },
    chat: (call: any) => {
      begin(call)
      call.on('data', () => call.write({ index: 1 }))
    },
  })
  return (moment) => {
    stop = moment
  }
}

interface Moment {
  readonly name: string
  readonly method: 'quote' | 'upload' | 'watch' | 'chat'
  readonly stop: string
  /** What must have happened before the caller goes. */
  readonly when: (noted: readonly string[], events: readonly string[]) => boolean
}

const begun = (noted: readonly string[]): boolean => noted.includes('begun')
const MOMENTS: readonly Moment[] = [
  { name: 'a unary handler that runs', method: 'quote', stop: '', when: begun },
  {
    name: 'a unary handler that has sent metadata',
    method: 'quote',
    stop: 'metadata',
    when: (_, events) => events.includes('metadata'),
  },
  { name: 'a client stream before its first message', method: 'upload', stop: '', when: begun },
  {
    name: 'a client stream in the middle',
    method: 'upload',
    stop: '',
    when: (noted) => noted.includes('message'),
  },
  { name: 'a server stream before its first answer', method: 'watch', stop: 'begun', when: begun },
  {
    name: 'a server stream in the middle',
    method: 'watch',
    stop: '',
    when: (_, events) => events.includes('data'),
  },
  {
    name: 'a bidirectional stream in the middle',
    method: 'chat',
    stop: '',
    when: (_, events) => events.includes('data'),
  },
]

function open(pricing: PricingClient, { method }: Moment, events: string[]): { cancel(): void } {
  const done = (): void => void events.push('done')
  const call: any =
    method === 'quote'
      ? pricing.quote({}, done)
      : method === 'upload'
        ? pricing.upload(done)
        : method === 'watch'
          ? pricing.watch({})
          : pricing.chat()
  for (const event of ['metadata', 'data', 'error', 'status']) call.on(event, () => events.push(event))
  if (method === 'upload' || method === 'chat') call.write({})
  return call
}

for (const moment of MOMENTS)
  for (const way of ['cancels', 'drops the connection'] as const)
    test(`FAULTS 65: the caller ${way} on ${moment.name}: everything is released, once`, async (t) => {
      const scene = await inboundGrpc(t)
      const noted: string[] = []
      const events: string[] = []
      stopping(scene, noted)(moment.stop)
      const pricing = scene.client()
      const call = open(pricing, moment, events)
      await until(() => moment.when(noted, events), { what: 'the moment', seen: () => [noted, events] })
      if (way === 'cancels') call.cancel()
      else [...scene.harness.servers][0]?.destroy()
      await until(() => scene.harness.inFlight() === 0, { what: 'the end' })
      const { heads, ends } = scene.harness.seen[0]!
      assert.equal(ends.length, 1)
      assert.ok(heads.length <= 1)
      assert.deepEqual([ends[0]?.class, ends[0]?.condition], ['ignored', 'reset'])
      assert.equal(scene.harness.gate.inFlight, 0)
      await until(() => noted.includes('cancelled'), { what: 'the handler to be told' })
      for (const once of ['children', 'signal', 'cancelled'])
        assert.equal(noted.filter((one) => one === once).length, 1, once)
    })

/** A layer that keeps calls until it is told what to do with them. */
function holding(): {
  layer: CallLayer
  go(): void
  held(): number
  cancel(reason: CancelReason): void
  cancelled: string[]
} {
  const waiting: (() => void)[] = []
  const cancels: ((reason: CancelReason) => void)[] = []
  const cancelled: string[] = []
  const layer: CallLayer = (next) => (call, observer) => {
    let over = false
    let inner: ((reason: CancelReason) => void) | undefined
    waiting.push(() => {
      if (!over) inner = next(call, observer)
    })
    const cancel = (reason: CancelReason): void => {
      if (over) return
      cancelled.push(reason.kind)
      if (inner !== undefined) inner(reason)
      else {
        over = true
        observer.end({ class: 'ignored', committed: false, unsent: true })
      }
    }
    cancels.push(cancel)
    return cancel
  }
  return {
    layer,
    held: () => waiting.length,
    go: () => {
      for (const run of waiting.splice(0)) run()
    },
    cancel: (reason) => {
      for (const cancel of cancels) cancel(reason)
    },
    cancelled,
  }
}

test('FAULTS 65: a caller that leaves while a layer still holds the call never reaches the handler', async (t) => {
  const hold = holding()
  const scene = await inboundGrpc(t, { layer: hold.layer })
  const events: string[] = []
  const call = open(scene.client(), MOMENTS[0]!, events)
  await until(() => hold.held() === 1, { what: 'the call' })
  call.cancel()
  await until(() => scene.harness.inFlight() === 0, { what: 'the end' })
  hold.go()
  assert.deepEqual(hold.cancelled, ['caller'])
  assert.equal(scene.service.ledger.executions.length, 0)
  assert.equal(scene.harness.seen[0]?.ends.length, 1)
})

test('a call that a layer lets through later loses neither its messages nor its end', async (t) => {
  const hold = holding()
  const scene = await inboundGrpc(t, { layer: hold.layer })
  const seen = observe(scene.client(), 'chat', { asks: [{ id: 'a' }, { id: 'b' }] })
  await until(() => hold.held() === 1, { what: 'the call' })
  hold.go()
  const { answers, status: ended } = await seen
  assert.deepEqual([answers.map(({ id }) => id), ended?.code], [['a', 'b'], status.OK])
})

test('a layer may give up a running call: the caller is told, the handler is told, and what it says later is dropped', async (t) => {
  const hold = holding()
  const scene = await inboundGrpc(t, { layer: hold.layer })
  const noted: string[] = []
  stopping(scene, noted)('')
  for (const method of ['quote', 'watch'] as const) {
    noted.length = 0
    const seen = observe(scene.client(), method)
    await until(() => hold.held() === 1, { what: 'the call' })
    hold.go()
    await until(() => begun(noted), { what: 'the handler' })
    hold.cancel({ kind: 'closing', error: new MeshError('TULLE_DRAINING', 'enough', { layer: 'test' }) })
    const { error } = await seen
    assert.equal(error?.code, status.UNAVAILABLE)
    assert.match(error?.details ?? '', /TULLE_DRAINING \(test\)/)
    assert.equal(error?.metadata['x-tulle-refused'], undefined, 'the application has seen it')
    await until(() => noted.includes('cancelled'), { what: 'the handler to be told' })
  }
  assert.deepEqual(
    scene.harness.seen.map(({ ends }) => ends.length),
    [1, 1],
  )
})

test('a refusal without a reason is an overload, with a moment to wait', async (t) => {
  const refusing: CallLayer = () => (_call, observer) => {
    observer.end({ ...refusal(new MeshError('TULLE_OVERLOADED', 'x')), error: undefined })
    return () => {}
  }
  const scene = await inboundGrpc(t, { layer: refusing })
  const { error } = await observe(scene.client({ 'grpc.enable_retries': 0 }), 'quote')
  assert.equal(error?.code, status.RESOURCE_EXHAUSTED)
  assert.deepEqual(error?.metadata['grpc-retry-pushback-ms'], ['1000'])
})
