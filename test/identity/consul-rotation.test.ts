import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConsulAnswer, ConsulLink, ConsulRequest } from '../../src/core/consul.ts'
import { MeshError } from '../../src/core/errors.ts'
import { readCertificate } from '../../src/identity/certificate.ts'
import type { TestCa } from '../kit/certificates.ts'
import { type ConnectActor, ConnectStage } from '../kit/connect-stage.ts'
import { handshake } from '../kit/handshake.ts'
import { HOUR } from '../kit/identity-stage.ts'
import { until } from '../kit/wait.ts'

type News = 'roots' | 'leaf'

/** The agent of one process's machine, whose cache hears of roots and leaves when the test says so. */
class Ear implements ConsulLink {
  readonly address = 'http://127.0.0.1:8500'
  readonly deaf = new Set<News>()
  readonly #agent: ConsulLink

  constructor(agent: ConsulLink) {
    this.#agent = agent
  }

  async send(request: ConsulRequest, signal?: AbortSignal): Promise<ConsulAnswer> {
    const about = request.path.endsWith('/roots') ? 'roots' : 'leaf'
    if (this.deaf.has(about)) throw new MeshError('TULLE_CONSUL', 'deaf')
    const answer = await this.#agent.send(request, signal)
    if (this.deaf.has(about)) throw new MeshError('TULLE_CONSUL', 'deaf')
    return answer
  }

  async close(): Promise<void> {}
}

interface Peer {
  readonly name: string
  /** What it has heard of, in order. */
  readonly heard: string
  readonly actor: ConnectActor
}

const HISTORIES: readonly (readonly News[])[] = [
  [],
  ['roots'],
  ['leaf'],
  ['roots', 'leaf'],
  ['leaf', 'roots'],
]
const NAMES = ['a', 'b', 'c']

/** A process that has heard of a rotation as far, and in the order, that its history says. */
async function lived(stage: ConnectStage, name: string, history: readonly News[], rotate: () => void) {
  const ear = new Ear(stage.agent)
  const actor = stage.actor(name, { link: ear })
  await actor.start()
  ear.deaf.add('roots').add('leaf')
  rotate()
  for (const news of history) {
    ear.deaf.delete(news)
    const arrived = (): boolean =>
      news === 'roots' ? actor.identity.roots?.length === 2 : serial(actor) === serialOf(stage, name)
    await until(
      async () => {
        await stage.pass(1000)
        return arrived()
      },
      { what: `${name}: ${news}`, everyMs: 0 },
    )
  }
  return { name, heard: history.join(', '), actor } satisfies Peer
}

const serial = ({ identity }: ConnectActor): number | undefined => identity.current?.notAfterMs
function serialOf(stage: ConnectStage, name: string): number {
  const facts = readCertificate(stage.agent.leaf(name).der)
  if (typeof facts === 'string') throw new Error(facts)
  return facts.notAfterMs
}

/** Every order of six pieces of news: roots and leaf, each to three processes. */
function* orders(left: readonly string[], order: readonly string[] = []): Generator<readonly string[]> {
  if (left.length === 0) yield order
  for (const each of left)
    yield* orders(
      left.filter((other) => other !== each),
      [...order, each],
    )
}

for (const subject of [undefined, 'Consul CA'] as const)
  test(`FAULTS 38: roots are rotated and everybody meets everybody, in all 720 orders of the news (${subject === undefined ? 'roots of two names' : 'roots of one name'})`, async () => {
    // One stage per process and history: what a process knows is its own history and nothing else.
    const stages: ConnectStage[] = []
    const peers = new Map<string, Peer>()
    const first = new ConnectStage({ beginMs: Date.now() - HOUR, ...(subject && { subject }) })
    stages.push(first)
    const [before] = first.agent.roots
    first.agent.rotate()
    const { ca, roots, extra } = first.agent
    for (const name of NAMES)
      for (const history of HISTORIES) {
        const stage = new ConnectStage({ beginMs: Date.now() - HOUR })
        stages.push(stage)
        Object.assign(stage.agent, { ca: before, roots: [before], extra: [] })
        const rotate = (): void => {
          stage.clock.advance(2000)
          Object.assign(stage.agent, { ca, roots: [...roots], extra })
          stage.agent.changed('roots')
          stage.agent.reissue()
        }
        const peer = await lived(stage, name, history, rotate)
        peers.set(`${name}: ${peer.heard}`, peer)
      }
    const verdicts = new Map<string, string | undefined>()
    for (const [one, client] of peers)
      for (const [other, server] of peers)
        if (client.name !== server.name)
          verdicts.set(`${one} -> ${other}`, await handshake(client.actor.identity, server.actor.identity))
    assert.equal(verdicts.size, 150)
    let count = 0
    for (const order of orders(NAMES.flatMap((name) => [`${name} roots`, `${name} leaf`]))) {
      count += 1
      const heard = new Map(NAMES.map((name) => [name, [] as string[]]))
      for (const news of ['', ...order]) {
        const [who = '', what = ''] = news.split(' ')
        heard.get(who)?.push(what)
        const now = NAMES.map((name) => `${name}: ${heard.get(name)!.join(', ')}`)
        for (const client of now)
          for (const server of now)
            if (client !== server) {
              const meeting = `${client} -> ${server}`
              assert.ok(verdicts.has(meeting), meeting)
              assert.equal(verdicts.get(meeting), undefined, meeting)
            }
      }
    }
    assert.equal(count, 720)
    for (const { actor } of peers.values()) assert.ok(!actor.changes.includes('trust'))
    for (const stage of stages) await stage.close()
  })

test('a cross-signed intermediate that is over, as Consul’s are after a week, harms nobody and is no alarm', async () => {
  const stage = new ConnectStage({ beginMs: Date.now() })
  const [old] = stage.agent.roots as [TestCa]
  stage.agent.rotate()
  stage.agent.extra = [stage.agent.ca.crossSignedBy(old, { lifetimeMs: -HOUR })]
  const [a, b] = [stage.actor('a'), stage.actor('b')]
  await a.start()
  await b.start()
  assert.equal(stage.agent.leaf('a').chain.length, 2)
  assert.equal(await handshake(a.identity, b.identity), undefined)
  const { levels, problem } = a.identity.health()
  assert.deepEqual(
    levels.map(({ level }) => level),
    ['leaf', 'root', 'root'],
  )
  assert.equal(problem, undefined)
  await stage.close()
})

test('FAULTS 38: a peer that was judged before a rotation is good after it, and until its own root is gone', async () => {
  const stage = new ConnectStage({ beginMs: Date.now() - HOUR })
  const [a, b] = [stage.actor('a'), stage.actor('b')]
  await a.start()
  await b.start()
  const old = b.identity.judge(stage.agent.leaf('b').chain)
  stage.agent.rotate()
  stage.agent.reissue()
  await stage.pass(2000, 500)
  const fresh = a.identity.judge(stage.agent.leaf('b').chain, a.identity.idOf('b'))
  assert.ok(!(old instanceof MeshError) && !(fresh instanceof MeshError))
  assert.equal(a.identity.objection(old), undefined)
  assert.equal(a.identity.objection(fresh), undefined)
  stage.agent.retire()
  await stage.pass(2000, 500)
  assert.match(a.identity.objection(old)?.message ?? '', /leads to none of the roots/)
  assert.equal(a.identity.objection(fresh), undefined)
  assert.equal(await handshake(a.identity, b.identity), undefined)
  await stage.close()
})
