import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type ConsulAnswer, ConsulRefusal, type ConsulRequest } from '../../src/core/consul.ts'
import type { Listener } from '../../src/core/runtime.ts'
import { ConsulRegistrar } from '../../src/discovery/consul-registrar.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { settled } from '../kit/fake-link.ts'

type Fate = 'good' | 'lost' | 'deaf'

/** What an agent knows of us. A request may fail unheard (`deaf`), or be heard and its answer lost (`lost`). */
class ModelAgent {
  readonly address = 'http://127.0.0.1:8500'
  readonly services = new Map<string, number>()
  fate: Fate = 'good'

  async send(request: ConsulRequest): Promise<ConsulAnswer> {
    await Promise.resolve()
    if (this.fate === 'deaf') throw new Error('no agent')
    this.#hear(request)
    if (this.fate === 'lost') throw new Error('no answer')
    return {
      status: 200,
      index: undefined,
      digest: '',
      body: null,
      filtered: false,
      knownLeader: undefined,
    }
  }

  #hear({ path, body }: ConsulRequest): void {
    const id = decodeURIComponent(path.slice(path.lastIndexOf('/') + 1))
    if (path === '/v1/agent/service/register') {
      const { ID, Port } = body as { ID: string; Port: number }
      this.services.set(ID, Port)
    } else if (path.startsWith('/v1/agent/service/deregister/')) {
      if (!this.services.delete(id)) throw new ConsulRefusal(500, `Unknown service ${id}`, 'refused')
    } else if (!this.services.has(id.replace(/-alive$/, '')))
      throw new ConsulRefusal(500, `Unknown check "${id}"`, 'refused')
  }
}

const step = fc.oneof(
  fc.record({ kind: fc.constant('listen' as const), at: fc.nat(1) }),
  fc.record({ kind: fc.constant('leave' as const), at: fc.nat(1) }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(6000) }),
  fc.record({ kind: fc.constant('fate' as const), fate: fc.constantFrom<Fate>('good', 'lost', 'deaf') }),
  fc.constant({ kind: 'wiped' as const }),
)

test('whatever is lost, forgotten or changed meanwhile, the agent knows what is served, and in the end nothing', async () => {
  const listeners = [4001, 4002].map(
    (port): Listener => ({ host: '10.0.0.5', port, protocol: 'http', mtls: 'strict' }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const agent = new ModelAgent()
      const clock = new ManualClock()
      const registrar = new ConsulRegistrar({
        link: agent,
        clock,
        random: () => 0.5,
        log: { debug() {}, info() {}, warn() {}, error() {} },
        instance: 'i1',
        service: 'orders',
        meta: {},
        hasIdentity: true,
        localAddress: async () => '10.0.0.7',
      })
      const served = new Set<number>()
      const later = async (ms: number): Promise<void> => {
        clock.advance(ms)
        await settled()
      }
      for (const one of steps) {
        if (one.kind === 'fate') agent.fate = one.fate
        else if (one.kind === 'wiped') agent.services.clear()
        else if (one.kind === 'wait') await later(one.ms)
        else {
          const listener = listeners[one.at]!
          registrar[one.kind](listener)
          served[one.kind === 'listen' ? 'add' : 'delete'](listener.port)
        }
      }
      agent.fate = 'good'
      for (let n = 0; n < 20; n++) await later(1000)
      assert.deepEqual([...agent.services.values()].sort(), [...served].sort())
      assert.equal(registrar.status().problem, undefined)
      const left = registrar.deregister()
      await settled()
      await left
      assert.deepEqual([...agent.services.keys()], [])
      assert.equal(clock.armed, 0)
    }),
    { numRuns: 1000 },
  )
})
