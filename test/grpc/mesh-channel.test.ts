import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Metadata, status } from '@grpc/grpc-js'
import { isMeshError, MeshError } from '../../src/core/errors.ts'
import { MeshChannel } from '../../src/grpc/mesh-channel.ts'
import { makePlan } from '../kit/builders.ts'
import { Hearer, ScriptedMesh, settled } from '../kit/grpc/scripted-mesh.ts'

const QUOTE = '/pricing.v1.Pricing/Quote'
const FOREVER = Number.POSITIVE_INFINITY

interface Begun {
  readonly mesh: ScriptedMesh
  readonly channel: MeshChannel
  call(how?: { deadline?: number; waitForReady?: boolean }): Hearer
}

function begin(state: ScriptedMesh['state'] = 'ready', service = 'orders'): Begun {
  const mesh = new ScriptedMesh()
  mesh.state = state
  const channel = new MeshChannel(mesh.runtime, service)
  return {
    mesh,
    channel,
    call: ({ deadline = FOREVER, waitForReady = false } = {}) => {
      const hearer = new Hearer()
      channel.createCall(QUOTE, deadline, null, null, null).start(new Metadata({ waitForReady }), hearer)
      return hearer
    },
  }
}

const codeOf = (hearer: Hearer): string | undefined => {
  const cause = (hearer.status as { cause?: unknown } | undefined)?.cause
  return isMeshError(cause) ? cause.code : undefined
}

describe('createCall', () => {
  test('demands what grpc-js demands', () => {
    const { channel } = begin()
    assert.throws(() => channel.createCall(undefined as never, 0, null, null, null), TypeError)
    assert.throws(() => channel.createCall(QUOTE, 'soon' as never, null, null, null), TypeError)
    assert.throws(() => channel.createCall(QUOTE, undefined as never, null, null, null), TypeError)
    channel.close()
    assert.throws(() => channel.createCall(QUOTE, 0, null, null, null), /Channel has been shut down/)
  })

  test('goes down in the tick of the start where the mesh is ready', () => {
    const { mesh, call } = begin()
    call()
    assert.equal(mesh.stack.arrived.length, 1)
  })
})

describe('a call before the mesh is ready', () => {
  test('starts the mesh, waits for it, and has what time is left', async () => {
    const { mesh, call } = begin('idle')
    const hearer = call({ deadline: mesh.nowMs + 1000 })
    assert.equal(mesh.starts, 1)
    mesh.clock.advance(400)
    mesh.become('ready')
    await settled()
    assert.equal(mesh.last.unit.options.timeoutMs, 600)
    assert.equal(mesh.clock.armed, 0)
    assert.deepEqual(hearer.heard, [])
  })

  test('waits 15 s where it has no deadline, as long as it has where it has one', async () => {
    for (const [deadlineMs, waitMs] of [
      [undefined, 15_000],
      [20_000, 15_000],
      [3_000, 3_000],
    ] as const) {
      const { mesh, call } = begin('starting')
      const hearer = call(deadlineMs === undefined ? {} : { deadline: mesh.nowMs + deadlineMs })
      mesh.clock.advance(waitMs - 1)
      await settled()
      assert.deepEqual(hearer.heard, [])
      mesh.clock.advance(1)
      await settled()
      assert.equal(codeOf(hearer), deadlineMs === 3_000 ? 'TULLE_DEADLINE' : 'TULLE_NOT_READY')
      const { UNAVAILABLE, DEADLINE_EXCEEDED } = status
      assert.equal(hearer.status?.code, deadlineMs === 3_000 ? DEADLINE_EXCEEDED : UNAVAILABLE)
      assert.match(hearer.status?.details ?? '', /the mesh was not started/)
    }
  })

  test('fails as the start fails', async () => {
    const { mesh, call } = begin('starting')
    const hearer = call()
    mesh.failStart(new MeshError('TULLE_START', 'the policy could not be read'))
    await settled()
    assert.equal(codeOf(hearer), 'TULLE_START')
    assert.equal(hearer.status?.code, status.INTERNAL)
    assert.equal(mesh.clock.armed, 0)
  })

  test('ends with the channel that is closed meanwhile', async () => {
    const { mesh, channel, call } = begin('starting')
    const hearer = call()
    channel.close()
    await settled()
    assert.equal(hearer.status?.code, status.UNAVAILABLE)
    assert.equal(hearer.status?.details, 'Channel closed before call started')
    mesh.become('ready')
    await settled()
    assert.equal(mesh.stack.arrived.length, 0)
    assert.equal(mesh.clock.armed, 0)
  })

  test('of a closed mesh says so', async () => {
    const { call } = begin('closed')
    const hearer = call()
    await settled()
    assert.equal(codeOf(hearer), 'TULLE_CLOSED')
  })
})

describe('a service nobody knows', () => {
  test('is UNAVAILABLE, and the nearest name is named', async () => {
    const { call } = begin('ready', 'ordres')
    const hearer = call()
    await settled()
    assert.equal(hearer.status?.code, status.UNAVAILABLE)
    assert.equal(codeOf(hearer), 'TULLE_UNKNOWN_SERVICE')
    assert.match(hearer.status?.details ?? '', /no service "ordres" is known; did you mean "orders"/)
  })

  test('may have just begun to listen', async () => {
    const { mesh, call } = begin('ready', 'billing')
    let come: () => void = () => {}
    mesh.newcomer = () => new Promise((resolve) => (come = resolve))
    const hearer = call()
    mesh.plans = new Map([...mesh.plans, ['billing', makePlan({}, { service: 'billing' })]])
    come()
    await settled()
    assert.deepEqual(hearer.heard, [])
    assert.equal(mesh.stack.arrived.length, 1)
  })

  test('is waited for by a call that waits for ready, until its deadline', async () => {
    const { mesh, call } = begin('ready', 'billing')
    const late = call({ waitForReady: true, deadline: mesh.nowMs + 2500 })
    const patient = call({ waitForReady: true })
    for (let i = 0; i < 30; i++) {
      mesh.clock.advance(1000)
      await settled()
    }
    assert.equal(late.status?.code, status.DEADLINE_EXCEEDED)
    assert.match(late.status?.details ?? '', /no service "billing" is known/)
    assert.deepEqual(patient.heard, [])
    mesh.plans = new Map([...mesh.plans, ['billing', makePlan({}, { service: 'billing' })]])
    mesh.clock.advance(1000)
    await settled()
    assert.equal(mesh.stack.arrived.length, 1)
    assert.equal(mesh.clock.armed, 0)
  })
})

test('a mesh that closes ends what waits for a name, and leaves no timer', async () => {
  const { mesh, call } = begin('ready', 'billing')
  const hearer = call({ waitForReady: true })
  await settled()
  mesh.become('closed')
  await settled()
  assert.equal(codeOf(hearer), 'TULLE_CLOSED')
  assert.equal(mesh.clock.armed, 0)
})

test('a channel has a target and a reference, as tools expect', () => {
  const { channel } = begin()
  assert.equal(channel.getTarget(), 'tulle:///orders')
  assert.deepEqual(channel.getChannelzRef(), { kind: 'channel', id: 0, name: 'tulle:///orders' })
})
