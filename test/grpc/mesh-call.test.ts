import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { EventEmitter } from 'node:events'
import { describe, test } from 'node:test'
import { credentials, Metadata, propagate, status } from '@grpc/grpc-js'
import { MeshError } from '../../src/core/errors.ts'
import { RequestScope } from '../../src/core/scope.ts'
import type { MeshCall } from '../../src/grpc/mesh-call.ts'
import { MeshChannel } from '../../src/grpc/mesh-channel.ts'
import { ReplayAccount } from '../../src/grpc/replay-account.ts'
import {
  Hearer,
  nextTick,
  ScriptedAttempt,
  ScriptedMesh,
  settled,
  statusOfPeer,
} from '../kit/grpc/scripted-mesh.ts'
import { ok, unsent } from '../kit/outcomes.ts'

const QUOTE = '/pricing.v1.Pricing/Quote'
const OK = ok({ code: 0, committed: true })
const { OK: FINE, CANCELLED, UNAVAILABLE, RESOURCE_EXHAUSTED, DEADLINE_EXCEEDED, INTERNAL } = status

interface Setting {
  readonly mesh: ScriptedMesh
  readonly account: ReplayAccount
  readonly channel: MeshChannel
  readonly call: MeshCall
  readonly hearer: Hearer
  readonly attempt: ScriptedAttempt
}

function setting(
  options: object = {},
  make: Partial<{ deadline: number | Date; host: string }> = {},
): Setting {
  const mesh = new ScriptedMesh()
  const account = new ReplayAccount()
  const channel = new MeshChannel(mesh.runtime, 'orders', options, account)
  const call = channel.createCall(QUOTE, make.deadline ?? Number.POSITIVE_INFINITY, make.host, null, null)
  return { mesh, account, channel, call, hearer: new Hearer(), attempt: new ScriptedAttempt() }
}

/** As `makeUnaryRequest` does it. */
function unary({ call, hearer }: Setting, metadata = new Metadata()): void {
  call.start(metadata, hearer)
  call.startRead()
  call.sendMessageWithContext({}, Buffer.from('ask'))
  call.halfClose()
}

describe('a call', () => {
  test('goes down with everything the layers and the attempts ask for', () => {
    const all = setting({ 'grpc.keepalive_time_ms': 5000 })
    const metadata = new Metadata({ waitForReady: false })
    metadata.set('traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01')
    const perCall = credentials.createEmpty()
    all.call.setCredentials(perCall)
    unary(all, metadata)
    const { unit } = all.mesh.last
    assert.equal(unit.protocol, 'grpc')
    assert.equal(unit.method, 'POST')
    assert.equal(unit.path, QUOTE)
    assert.deepEqual(unit.target, { service: 'orders' })
    assert.deepEqual(unit.options, {})
    assert.equal(unit.builtInCovers, 'sent')
    assert.equal(unit.cancel, undefined)
    assert.equal(unit.carriesTrace, true)
    assert.equal(unit.idempotent, false)
    assert.equal(unit.replayable, true)
    assert.equal(unit.fork(), undefined)
    assert.equal(unit.wire.method, QUOTE)
    assert.equal(unit.wire.host, 'orders.mesh')
    assert.equal(unit.wire.credentials, perCall)
    assert.deepEqual(unit.wire.channelOptions, { 'grpc.keepalive_time_ms': 5000 })
  })

  test('a unary one: written, half-closed and read in one tick; metadata, message and status in order', () => {
    const all = setting()
    all.mesh.stack.onArrival = () => all.mesh.last.unit.wire.attach(all.attempt)
    unary(all)
    assert.deepEqual(all.attempt.log, ['read', 'write ask', 'half-close'])
    const { wire } = all.mesh.last.unit
    all.attempt.accept()
    all.mesh.last.head({ class: 'undecided', committed: false, unsent: false })
    wire.onMetadata(new Metadata())
    wire.onMessage(Buffer.from('answer'))
    wire.detach(all.attempt)
    all.mesh.last.end(OK)
    assert.deepEqual(all.hearer.heard, ['metadata', 'message answer'])
    wire.onStatus(statusOfPeer(FINE))
    assert.deepEqual(all.hearer.heard, ['metadata', 'message answer', 'status 0'])
    assert.equal(all.account.usedBytes, 0)
  })

  test('what the application changes after the start reaches nobody', () => {
    const all = setting()
    const metadata = new Metadata()
    metadata.set('tenant', 'a')
    unary(all, metadata)
    metadata.set('tenant', 'b')
    assert.deepEqual(all.mesh.last.unit.wire.metadata.get('tenant'), ['a'])
  })

  test('takes what it is given of an HTTP/1 request without the headers of its connection', () => {
    const all = setting()
    const metadata = new Metadata()
    for (const name of ['Connection', 'Keep-Alive', 'Transfer-Encoding', 'Upgrade', 'Tenant'])
      metadata.set(name, 'a')
    unary(all, metadata)
    assert.deepEqual(all.mesh.last.unit.wire.metadata.getMap(), { tenant: 'a' })
    assert.equal(metadata.get('connection').length, 1, 'the application keeps its own')
  })

  test('waits for ready where its metadata say so, and then has no bound of its own', () => {
    const all = setting()
    unary(all, new Metadata({ waitForReady: true }))
    assert.equal(all.mesh.last.unit.options.waitForReady, true)
    assert.equal(all.mesh.last.unit.builtInCovers, 'nothing')
  })

  test('goes with its caller, whatever it does, where the caller came by gRPC', () => {
    for (const [protocol, cancel] of [
      ['grpc', 'all'],
      ['http', undefined],
    ] as const) {
      const mesh = new ScriptedMesh()
      mesh.ambient = { protocol, scope: new RequestScope() }
      const call = new MeshChannel(mesh.runtime, 'orders').createCall(
        QUOTE,
        Number.POSITIVE_INFINITY,
        null,
        null,
        null,
      )
      mesh.ambient = undefined
      call.start(new Metadata(), new Hearer())
      assert.equal(mesh.last.unit.cancel, cancel)
      assert.equal(mesh.last.unit.ambient.protocol, protocol)
    }
  })

  test('has the host the application gave it, or the channel’s', () => {
    const own = setting({}, { host: 'orders.internal' })
    unary(own)
    assert.equal(own.mesh.last.unit.wire.host, 'orders.internal')
    const other = setting({ 'grpc.default_authority': 'orders.example' })
    unary(other)
    assert.equal(other.mesh.last.unit.wire.host, 'orders.example')
    assert.deepEqual(other.mesh.last.unit.wire.channelOptions, {})
  })
})

describe('reading', () => {
  test('a read is asked of the attempt once, and again of the next attempt while nothing came', () => {
    const all = setting()
    unary(all)
    const { wire } = all.mesh.last.unit
    wire.attach(all.attempt)
    all.call.startRead()
    assert.deepEqual(all.attempt.log, ['write ask', 'half-close', 'read'])
    const second = new ScriptedAttempt()
    wire.attach(second)
    assert.deepEqual(second.log, ['write ask', 'half-close', 'read'])
    wire.onMessage(Buffer.from('1'))
    all.call.startRead()
    assert.equal(second.log.filter((entry) => entry === 'read').length, 2)
  })

  test('a read from inside the listener asks for the next message', () => {
    const all = setting()
    unary(all)
    const { wire } = all.mesh.last.unit
    wire.attach(all.attempt)
    all.hearer.onHeard = () => all.call.startRead()
    wire.onMessage(Buffer.from('1'))
    assert.equal(all.attempt.log.filter((entry) => entry === 'read').length, 2)
  })
})

describe('the end', () => {
  test('an error of ours is a status with that error as its cause, in a later tick', async () => {
    const all = setting()
    const error = new MeshError('TULLE_CONNECT', 'orders: no connection to 10.0.0.1:50051: ECONNREFUSED')
    all.mesh.stack.onArrival = (arrival) => {
      arrival.unit.trail = [{ endpoint: '10.0.0.1:50051', phase: 'connect', ms: 3, cause: 'ECONNREFUSED' }]
      arrival.end(unsent('connect-failure', { error }))
    }
    unary(all)
    assert.deepEqual(all.hearer.heard, [])
    await nextTick()
    assert.deepEqual(all.hearer.heard, [`status ${UNAVAILABLE}`])
    assert.equal((all.hearer.status as { cause?: unknown } | undefined)?.cause, error)
    assert.equal(error.policyVersion, '1')
    assert.equal(error.attempts.length, 1)
    assert.match(all.hearer.status?.details ?? '', /no connection to 10\.0\.0\.1:50051: ECONNREFUSED\. \S/)
  })

  test('an end without a status and without an error is an error, not a call that hangs', async () => {
    const all = setting()
    unary(all)
    all.mesh.last.end({ class: 'ignored', committed: false, unsent: false })
    await nextTick()
    assert.equal(all.hearer.status?.code, UNAVAILABLE)
    assert.match(all.hearer.status?.details ?? '', /without a status/)
  })

  test('the peer’s own status follows the end; after it nothing is heard', async () => {
    const all = setting()
    unary(all)
    const { wire } = all.mesh.last.unit
    all.mesh.last.end(ok({ code: 5 }))
    await settled()
    assert.deepEqual(all.hearer.heard, [])
    wire.onStatus(statusOfPeer(5, 'no such sku'))
    assert.equal(all.hearer.status?.details, 'no such sku')
    wire.onMessage(Buffer.from('late'))
    wire.onStatus(statusOfPeer(FINE))
    all.call.cancelWithStatus(CANCELLED, 'late')
    await settled()
    assert.deepEqual(all.hearer.heard, ['status 5'])
  })

  test('a status in the tick of the start is told after it', async () => {
    const all = setting()
    all.mesh.stack.onArrival = (arrival) => {
      arrival.end(ok({ code: 5 }))
      all.mesh.last.unit.wire.onStatus(statusOfPeer(5))
    }
    unary(all)
    assert.deepEqual(all.hearer.heard, [])
    await nextTick()
    assert.deepEqual(all.hearer.heard, ['status 5'])
  })

  test('the application learns how many attempts came before the one that answers (gRFC A6)', () => {
    for (const withHead of [true, false]) {
      const all = setting()
      unary(all)
      const { unit } = all.mesh.last
      // One that was sent again at once is none of them.
      unit.attempts = 4
      unit.retries = 2
      const last = statusOfPeer(FINE)
      if (withHead) unit.wire.onMetadata(new Metadata())
      all.mesh.last.end(OK)
      unit.wire.onStatus(last)
      const told = withHead ? all.hearer.initial : all.hearer.status?.metadata
      assert.deepEqual(told?.get('grpc-previous-rpc-attempts'), ['2'])
      if (withHead) assert.deepEqual(last.metadata.get('grpc-previous-rpc-attempts'), [])
    }
  })
})

describe('cancelling', () => {
  test('goes down at once and comes back as it was asked, in a later tick', async () => {
    const all = setting()
    unary(all)
    all.call.cancelWithStatus(INTERNAL, 'cannot be parsed')
    assert.equal(all.mesh.last.cancelledBy?.kind, 'caller')
    assert.deepEqual(all.hearer.heard, [])
    await nextTick()
    assert.deepEqual(all.hearer.heard, [`status ${INTERNAL}`])
    assert.equal(all.hearer.status?.details, 'cannot be parsed')
    assert.equal(all.account.usedBytes, 0)
  })

  test('before the start: nothing goes down, and the status comes after the start', async () => {
    const all = setting()
    all.call.cancelWithStatus(CANCELLED, 'never mind')
    await settled()
    unary(all)
    await nextTick()
    assert.deepEqual(all.hearer.heard, [`status ${CANCELLED}`])
    assert.equal(all.mesh.stack.arrived.length, 0)
  })

  test('from inside the descent: the stack is cancelled as soon as it can be', async () => {
    const all = setting()
    all.mesh.stack.onArrival = () => all.call.cancelWithStatus(CANCELLED, 'quick')
    unary(all)
    assert.equal(all.mesh.last.cancelledBy?.kind, 'caller')
    await nextTick()
    assert.deepEqual(all.hearer.heard, [`status ${CANCELLED}`])
  })

  test('by the parent call, which forgets the call when it is over', async () => {
    const { mesh, channel } = setting()
    const parent = Object.assign(new EventEmitter(), {
      cancelled: false,
      getDeadline: () => mesh.nowMs + 500,
    }) as never as EventEmitter
    const make = (flags?: number): [MeshCall, Hearer] => {
      const call = channel.createCall(QUOTE, mesh.nowMs + 900, null, parent as never, flags)
      const hearer = new Hearer()
      call.start(new Metadata(), hearer)
      return [call, hearer]
    }
    const [, both] = make()
    assert.equal(mesh.last.unit.options.timeoutMs, 500)
    make(propagate.CANCELLATION)
    assert.equal(mesh.last.unit.options.timeoutMs, 900)
    const [, neither] = make(propagate.DEADLINE)
    const [ended] = make()
    mesh.last.end(OK)
    mesh.last.unit.wire.onStatus(statusOfPeer(FINE))
    assert.equal(ended.over, true)
    assert.equal(parent.listenerCount('cancelled'), 2)
    parent.emit('cancelled', 'cancelled')
    await nextTick()
    assert.equal(both.status?.code, CANCELLED)
    assert.equal(both.status?.details, 'Cancelled by parent call')
    assert.equal(neither.status, undefined)
    assert.equal(parent.listenerCount('cancelled'), 0)
  })

  test('a parent that is cancelled already', async () => {
    const { mesh, channel } = setting()
    const parent = Object.assign(new EventEmitter(), {
      cancelled: true,
      getDeadline: () => Number.POSITIVE_INFINITY,
    })
    const hearer = new Hearer()
    channel
      .createCall(QUOTE, Number.POSITIVE_INFINITY, null, parent as never, null)
      .start(new Metadata(), hearer)
    await settled()
    assert.equal(hearer.status?.code, CANCELLED)
    assert.equal(mesh.last.cancelledBy?.kind, 'caller')
  })
})

describe('deadlines', () => {
  const timeoutOf = (deadline: (nowMs: number) => number | Date): number | undefined => {
    const mesh = new ScriptedMesh()
    const channel = new MeshChannel(mesh.runtime, 'orders')
    channel.createCall(QUOTE, deadline(mesh.nowMs), null, null, null).start(new Metadata(), new Hearer())
    return mesh.last.unit.options.timeoutMs
  }

  test('are what is left of them by the wall clock, dates and numbers alike', () => {
    assert.equal(
      timeoutOf((now) => now + 250),
      250,
    )
    assert.equal(
      timeoutOf((now) => new Date(now + 250)),
      250,
    )
    assert.equal(
      timeoutOf(() => Number.POSITIVE_INFINITY),
      undefined,
    )
  })

  test('a passed one leaves no time, a far one all the time there is', () => {
    assert.equal(
      timeoutOf((now) => now - 1),
      0,
    )
    assert.equal(
      timeoutOf(() => Number.NEGATIVE_INFINITY),
      0,
    )
    assert.equal(
      timeoutOf(() => Number.NaN),
      0,
    )
    assert.equal(
      timeoutOf(() => Number.MAX_SAFE_INTEGER),
      2_147_483_647,
    )
  })

  test('a deadline of the mesh is DEADLINE_EXCEEDED', async () => {
    const all = setting()
    unary(all)
    all.mesh.last.end({
      class: 'ignored',
      committed: false,
      unsent: true,
      error: new MeshError('TULLE_DEADLINE', 'orders: not finished within 5 ms'),
    })
    await nextTick()
    assert.equal(all.hearer.status?.code, DEADLINE_EXCEEDED)
  })
})

describe('time that passes before there is an endpoint', () => {
  for (const [covers, code] of [
    ['call', DEADLINE_EXCEEDED],
    ['sent', UNAVAILABLE],
  ] as const)
    test(`is ${status[code]} where the deadline covers the ${covers}`, async () => {
      const all = setting()
      unary(all)
      all.mesh.last.unit.covers = covers
      all.mesh.last.end({
        class: 'ignored',
        condition: 'deadline',
        committed: false,
        unsent: true,
        error: new MeshError('TULLE_NOT_READY', 'orders: no endpoint set arrived in the time the call had'),
      })
      await nextTick()
      assert.equal(all.hearer.status?.code, code)
    })
})

describe('the application', () => {
  test('is told in the async context it called from, whatever socket the answer came by', async () => {
    const store = new AsyncLocalStorage<string>()
    const seen: (string | undefined)[] = []
    const all = store.run('mine', () => setting())
    all.hearer.onHeard = () => seen.push(store.getStore())
    store.run('mine', () => {
      unary(all)
      all.call.sendMessageWithContext({ callback: () => seen.push(store.getStore()) }, Buffer.alloc(0))
    })
    store.run('whose socket this is', () => {
      const { wire } = all.mesh.last.unit
      wire.attach(all.attempt)
      wire.onMetadata(new Metadata())
      wire.onMessage(Buffer.from('1'))
      all.mesh.last.end(OK)
      wire.onStatus(statusOfPeer(FINE))
    })
    await settled()
    assert.deepEqual(seen, ['mine', 'mine', 'mine', 'mine'])
  })

  test('what it throws surfaces by itself, and the layers never see it', async () => {
    const all = setting()
    unary(all)
    const { wire } = all.mesh.last.unit
    const thrown: unknown[] = []
    const listeners = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', (error) => thrown.push(error))
    all.hearer.onHeard = (what) => {
      throw new Error(what)
    }
    wire.attach(all.attempt)
    wire.onMetadata(new Metadata())
    wire.onMessage(Buffer.from('1'))
    all.mesh.last.end(OK)
    wire.onStatus(statusOfPeer(FINE))
    await settled()
    process.removeAllListeners('uncaughtException')
    for (const listener of listeners) process.on('uncaughtException', listener)
    assert.deepEqual(thrown.map(String), ['Error: metadata', 'Error: message 1', 'Error: status 0'])
  })

  test('a message over its own limit ends the call before anything of it is sent', async () => {
    const all = setting({ 'grpc.max_send_message_length': 2 })
    unary(all)
    assert.equal(all.mesh.last.cancelledBy?.kind, 'caller')
    await nextTick()
    assert.equal(all.hearer.status?.code, RESOURCE_EXHAUSTED)
    assert.match(all.hearer.status?.details ?? '', /larger than 2/)
  })

  test('learns where a call went once it goes there', () => {
    const all = setting()
    assert.equal(all.call.getPeer(), 'tulle:///orders')
    unary(all)
    assert.equal(all.call.getPeer(), 'tulle:///orders')
    all.mesh.last.unit.endpoint = { id: '10.0.0.1:50051' } as never
    assert.equal(all.call.getPeer(), '10.0.0.1:50051')
    assert.equal(all.call.getAuthContext(), null)
    assert.notEqual(all.call.getCallNumber(), setting().call.getCallNumber())
  })
})
