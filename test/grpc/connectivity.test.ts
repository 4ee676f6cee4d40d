import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, test } from 'node:test'
import { Client, connectivityState, credentials } from '@grpc/grpc-js'
import { MeshError } from '../../src/core/errors.ts'
import { MeshChannel } from '../../src/grpc/mesh-channel.ts'
import { reachOf } from '../../src/grpc/reach.ts'
import { makePlan } from '../kit/builders.ts'
import { ScriptedEndpoint } from '../kit/grpc/scripted-endpoint.ts'
import { ScriptedMesh, settled } from '../kit/grpc/scripted-mesh.ts'

const { READY, CONNECTING, IDLE, TRANSIENT_FAILURE, SHUTDOWN } = connectivityState
const FOREVER = Number.POSITIVE_INFINITY

class Stage {
  readonly mesh: ScriptedMesh
  readonly channel: MeshChannel
  readonly told: string[] = []

  constructor(state: ScriptedMesh['state'] = 'ready', service = 'orders') {
    this.mesh = new ScriptedMesh()
    this.mesh.state = state
    this.channel = new MeshChannel(this.mesh.runtime, service)
  }

  /** Endpoints at ports 4001, 4002, … */
  with(count: number): ScriptedEndpoint[] {
    const { service } = this.mesh
    const made = Array.from({ length: count }, (_, n) => new ScriptedEndpoint(service, 4001 + n))
    service.endpoints = made
    return made
  }

  get state(): connectivityState {
    return this.channel.getConnectivityState(false)
  }

  ask(): connectivityState {
    return this.channel.getConnectivityState(true)
  }

  watch(from: connectivityState, ms = FOREVER): void {
    const deadline = ms === FOREVER ? FOREVER : this.mesh.nowMs + ms
    this.channel.watchConnectivityState(from, deadline, (error) =>
      this.told.push(error?.message ?? 'changed'),
    )
  }

  /** As a client's `waitForReady`, and nice-grpc's. */
  waitForReady(ms = FOREVER): void {
    const client = new Client('', credentials.createInsecure(), { channelOverride: this.channel })
    const deadline = ms === FOREVER ? FOREVER : this.mesh.nowMs + ms
    client.waitForReady(deadline, (error) => this.told.push(error?.message ?? 'ready'))
  }

  /** What listens, waits or is armed. */
  get left(): number {
    const { mesh } = this
    const names = ['state', 'endpoints', 'policy-applied', 'ejected', 'readmitted', 'panic'] as const
    const listening = names.filter((name) => mesh.events.wants(name)).length
    return listening + mesh.service.slot(reachOf).listeners + mesh.service.waiting + mesh.clock.armed
  }
}

const tries = (endpoints: readonly ScriptedEndpoint[]): number =>
  endpoints.reduce((sum, endpoint) => sum + endpoint.tries, 0)

describe('a channel asked to connect', () => {
  test('is IDLE until then, says what it was, and is READY with one connection of three endpoints', async () => {
    const stage = new Stage()
    const endpoints = stage.with(3)
    assert.equal(stage.state, IDLE)
    assert.equal(stage.left, 0)
    assert.equal(stage.ask(), IDLE)
    assert.equal(stage.state, CONNECTING)
    assert.equal(tries(endpoints), 1)
    assert.equal(stage.ask(), CONNECTING)
    endpoints.find(({ tries }) => tries === 1)?.connected()
    assert.equal(stage.state, READY)
    assert.equal(stage.ask(), READY)
    assert.equal(tries(endpoints), 1)
    assert.equal(stage.left, 0)
  })

  test('tries the next one where one fails, has failed where all have, and goes on as their back-offs end', () => {
    const stage = new Stage()
    const endpoints = stage.with(3)
    stage.ask()
    const seen = new Set<ScriptedEndpoint>()
    for (let n = 1; n <= 3; n++) {
      assert.deepEqual([stage.state, tries(endpoints)], [CONNECTING, n])
      const current = endpoints.find((endpoint) => endpoint.tries === 1 && !seen.has(endpoint))
      assert.ok(current)
      seen.add(current)
      current.refused()
    }
    assert.equal(stage.state, TRANSIENT_FAILURE)
    assert.equal(tries(endpoints), 3)
    endpoints[1]?.rest()
    assert.deepEqual([endpoints[1]?.tries, stage.state], [2, TRANSIENT_FAILURE])
    endpoints[0]?.rest()
    assert.equal(tries(endpoints), 4, 'one at a time')
    endpoints[1]?.refused()
    assert.equal(endpoints[0]?.tries, 2)
    endpoints[0]?.connected()
    assert.equal(stage.state, READY)
    endpoints[2]?.rest()
    assert.equal(endpoints[2]?.tries, 1, 'one is enough')
    assert.equal(stage.left, 0)
  })
})

describe('a channel nobody has asked', () => {
  test('tells what the calls of the application find', () => {
    const stage = new Stage()
    const [first, second] = stage.with(2) as [ScriptedEndpoint, ScriptedEndpoint]
    first.connect()
    assert.equal(stage.state, CONNECTING)
    first.refused()
    assert.equal(stage.state, TRANSIENT_FAILURE)
    first.rest()
    assert.equal(stage.state, TRANSIENT_FAILURE)
    second.connect()
    assert.equal(stage.state, CONNECTING)
    second.connected()
    assert.equal(stage.state, READY)
    second.rest()
    assert.deepEqual([stage.state, tries([first, second])], [TRANSIENT_FAILURE, 2])
    first.connect()
    first.connected()
    first.rest()
    assert.equal(stage.state, IDLE, 'the last that was made was closed')
  })

  test('has connections of its own options alone', () => {
    const stage = new Stage()
    const [endpoint] = stage.with(1) as [ScriptedEndpoint]
    endpoint.connect({ 'grpc.max_receive_message_length': 1 })
    endpoint.connected()
    assert.equal(stage.state, IDLE)
    const other = new MeshChannel(stage.mesh.runtime, 'orders', { 'grpc.max_receive_message_length': 1 })
    assert.equal(other.getConnectivityState(false), READY)
  })
})

describe('endpoints', () => {
  test('that are ejected do not make a channel ready, save in panic', async () => {
    const stage = new Stage()
    const [bad, good] = stage.with(2) as [ScriptedEndpoint, ScriptedEndpoint]
    bad.connect()
    bad.connected()
    bad.eject()
    stage.watch(READY)
    await settled()
    assert.deepEqual([stage.state, stage.told], [IDLE, ['changed']])
    stage.ask()
    assert.deepEqual([bad.tries, good.tries], [1, 1])
    good.refused()
    assert.equal(stage.state, TRANSIENT_FAILURE)
    Object.assign(stage.mesh.service, { panic: true })
    stage.mesh.events.emit('panic', { service: 'orders', available: 1, known: 2, active: true })
    assert.equal(stage.state, READY)
    assert.equal(stage.left, 0)
  })

  test('that go take their connection with them, and those that come are tried', () => {
    const stage = new Stage()
    const [first] = stage.with(1) as [ScriptedEndpoint]
    stage.ask()
    stage.mesh.service.endpoints = []
    first.leave()
    assert.equal(stage.state, TRANSIENT_FAILURE, 'there is none')
    const [second] = stage.with(1) as [ScriptedEndpoint]
    stage.mesh.events.emit('endpoints', { service: 'orders', added: 1, removed: 0, known: 1 })
    assert.deepEqual([stage.state, second.tries], [CONNECTING, 1])
    second.connected()
    stage.mesh.service.endpoints = []
    second.leave()
    assert.equal(stage.state, IDLE)
  })

  test('are awaited where none have been told yet', () => {
    const stage = new Stage()
    stage.mesh.service.ready = false
    stage.watch(CONNECTING)
    assert.deepEqual([stage.state, stage.mesh.service.waiting], [IDLE, 0])
    stage.ask()
    assert.deepEqual([stage.state, stage.mesh.service.waiting], [CONNECTING, 1])
    const [endpoint] = stage.with(1) as [ScriptedEndpoint]
    stage.mesh.service.becomeReady()
    assert.equal(endpoint.tries, 1)
    endpoint.connected()
    assert.deepEqual([stage.state, stage.mesh.service.waiting], [READY, 0])
  })

  test('to which there is no way are looked at again after a pause, as long as somebody waits', async () => {
    const stage = new Stage()
    const endpoints = stage.with(2)
    for (const endpoint of endpoints) endpoint.barred = true
    stage.ask()
    assert.deepEqual([stage.state, tries(endpoints), stage.mesh.clock.armed], [TRANSIENT_FAILURE, 2, 0])
    stage.ask()
    assert.equal(tries(endpoints), 2)
    stage.waitForReady(5000)
    await settled()
    stage.mesh.clock.advance(999)
    assert.equal(tries(endpoints), 2)
    for (const endpoint of endpoints) endpoint.barred = false
    stage.mesh.clock.advance(1)
    assert.deepEqual([tries(endpoints), stage.state], [3, CONNECTING])
    endpoints.find(({ tries }) => tries === 2)?.connected()
    await settled()
    assert.deepEqual(stage.told, ['ready'])
    assert.equal(stage.left, 0)
  })
})

describe('the mesh', () => {
  test('is started by who asks, and by nobody else', async () => {
    const stage = new Stage('idle')
    const [endpoint] = stage.with(1) as [ScriptedEndpoint]
    assert.deepEqual([stage.state, stage.mesh.starts], [IDLE, 0])
    stage.waitForReady()
    await settled()
    assert.deepEqual([stage.state, stage.mesh.starts], [CONNECTING, 1])
    stage.mesh.become('ready')
    await settled()
    assert.equal(endpoint.tries, 1)
    assert.deepEqual(stage.told, [])
    endpoint.connected()
    await settled()
    assert.deepEqual([stage.told, stage.left], [['ready'], 0])
  })

  test('that cannot start is a failure, and is started again with back-off', async () => {
    const stage = new Stage('idle')
    stage.waitForReady(10_000)
    await settled()
    stage.mesh.state = 'idle'
    stage.mesh.failStart(new MeshError('TULLE_START', 'the policy could not be read'))
    await settled()
    assert.deepEqual([stage.state, stage.mesh.starts], [TRANSIENT_FAILURE, 1])
    stage.mesh.clock.advance(999)
    await settled()
    assert.equal(stage.mesh.starts, 1)
    stage.mesh.clock.advance(1)
    await settled()
    assert.equal(stage.mesh.starts, 2)
    stage.mesh.clock.advance(10_000)
    await settled()
    assert.deepEqual(stage.told, ['Failed to connect before the deadline'])
    assert.equal(stage.mesh.clock.armed, 0)
    stage.channel.close()
    assert.equal(stage.left, 0)
  })

  test('that closes shuts the channel down', async () => {
    const stage = new Stage()
    stage.with(1)
    stage.ask()
    stage.watch(CONNECTING)
    stage.mesh.become('draining')
    await settled()
    assert.deepEqual(stage.told, [])
    stage.mesh.become('closed')
    await settled()
    assert.deepEqual([stage.told, stage.state, stage.left], [['changed'], SHUTDOWN, 0])
    assert.throws(() => stage.watch(SHUTDOWN), /shut down/)
  })
})

describe('a name nobody knows', () => {
  test('may be about to become known: CONNECTING; then TRANSIENT_FAILURE, and it is looked again while somebody waits', async () => {
    const stage = new Stage('ready', 'billing')
    const { mesh } = stage
    let tell: () => void = () => {}
    mesh.newcomer = () => new Promise((resolve) => (tell = resolve))
    assert.equal(stage.state, IDLE)
    stage.waitForReady()
    await settled()
    assert.equal(stage.state, CONNECTING)
    tell()
    await settled()
    assert.equal(stage.state, TRANSIENT_FAILURE)
    const [endpoint] = stage.with(1) as [ScriptedEndpoint]
    mesh.plans = new Map([['billing', makePlan({}, { service: 'billing' })]])
    mesh.clock.advance(1000)
    assert.equal(endpoint.tries, 1)
    endpoint.connected()
    await settled()
    assert.deepEqual([stage.told, stage.left], [['ready'], 0])
  })

  test('is not looked up by time where nobody waits', async () => {
    const stage = new Stage('ready', 'billing')
    stage.ask()
    await settled()
    assert.deepEqual([stage.state, stage.mesh.clock.armed], [TRANSIENT_FAILURE, 0])
    stage.waitForReady(2500)
    await settled()
    assert.notEqual(stage.mesh.clock.armed, 0)
    stage.mesh.clock.advance(2500)
    await settled()
    assert.deepEqual(stage.told, ['Failed to connect before the deadline'])
    assert.equal(stage.mesh.clock.armed, 0)
  })

  test('is what the policy says it is: a host that a service claims', () => {
    const stage = new Stage('ready', 'billing')
    const [endpoint] = stage.with(1) as [ScriptedEndpoint]
    const snapshot = {
      version: '1',
      services: stage.mesh.plans,
      hosts: new Map([['billing.mesh', makePlan()]]),
    }
    Object.defineProperty(stage.mesh.runtime, 'snapshot', { value: snapshot })
    stage.ask()
    endpoint.connected()
    assert.equal(stage.state, READY)
  })
})

describe('a watch', () => {
  test('is told of a change once, and leaves nothing behind', async () => {
    const stage = new Stage()
    const [endpoint] = stage.with(1) as [ScriptedEndpoint]
    stage.watch(IDLE, 5000)
    await settled()
    assert.deepEqual(stage.told, [])
    endpoint.connect()
    endpoint.connected()
    await settled()
    assert.deepEqual([stage.told, stage.left], [['changed'], 0])
    endpoint.rest()
    stage.mesh.clock.advance(10_000)
    await settled()
    assert.deepEqual(stage.told, ['changed'])
  })

  test('is told in its own async context, whoever changed the state', async () => {
    const stage = new Stage()
    const [endpoint] = stage.with(1) as [ScriptedEndpoint]
    const context = new AsyncLocalStorage<string>()
    const seen: unknown[] = []
    context.run('mine', () =>
      stage.channel.watchConnectivityState(IDLE, FOREVER, () => seen.push(context.getStore())),
    )
    context.run('theirs', () => endpoint.connect())
    await settled()
    assert.deepEqual(seen, ['mine'])
  })

  test('of what has already changed is told at once, in a later tick', async () => {
    const stage = new Stage()
    stage.watch(READY)
    assert.deepEqual(stage.told, [])
    await settled()
    assert.deepEqual([stage.told, stage.left], [['changed'], 0])
  })

  test('ends with an error at its deadline, a passed one at once, and leaves nothing behind', async () => {
    const stage = new Stage()
    stage.with(1)
    stage.watch(IDLE, 50)
    stage.watch(IDLE, 0)
    await settled()
    assert.equal(stage.told.length, 1)
    stage.mesh.clock.advance(50)
    await settled()
    assert.deepEqual(stage.told, new Array(2).fill('Deadline passed without connectivity state change'))
    assert.equal(stage.left, 0)
  })

  test('is told when the channel is closed; a closed channel throws, and connects nothing', async () => {
    const stage = new Stage()
    const endpoints = stage.with(2)
    stage.watch(IDLE)
    stage.ask()
    stage.watch(CONNECTING)
    stage.waitForReady()
    await settled()
    stage.channel.close()
    stage.channel.close()
    await settled()
    assert.deepEqual(stage.told, ['changed', 'changed', 'The channel has been closed'])
    assert.equal(stage.ask(), SHUTDOWN)
    assert.throws(() => stage.watch(SHUTDOWN), /shut down/)
    endpoints.find(({ tries }) => tries === 1)?.refused()
    assert.deepEqual([tries(endpoints), stage.left], [1, 0])
  })
})

test('a thousand waits for ready are one search, and end by ready and by deadline', async () => {
  const stage = new Stage()
  const endpoints = stage.with(1000)
  for (let n = 0; n < 1000; n++) stage.waitForReady(n < 500 ? 100 : 5000)
  await settled()
  await settled()
  stage.mesh.clock.advance(100)
  await settled()
  assert.deepEqual(stage.told, new Array(500).fill('Failed to connect before the deadline'))
  assert.equal(tries(endpoints), 1)
  endpoints.find(({ tries }) => tries === 1)?.connected()
  await settled()
  assert.deepEqual(stage.told.slice(500), new Array(500).fill('ready'))
  assert.deepEqual([tries(endpoints), stage.left], [1, 0])
})

test('what was asked half an hour ago and is wanted by nobody is given up', () => {
  const stage = new Stage()
  const endpoints = stage.with(1) as [ScriptedEndpoint]
  stage.ask()
  endpoints[0].refused()
  stage.mesh.clock.advance(1_800_001)
  endpoints[0].rest()
  assert.deepEqual([tries(endpoints), stage.state, stage.left], [1, TRANSIENT_FAILURE, 0])
  stage.ask()
  assert.equal(tries(endpoints), 2)
})
