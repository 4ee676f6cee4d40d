import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { MeshError } from '../../src/core/errors.ts'
import type { PlaneAnswer, PlaneLink, PlaneRequest } from '../../src/core/plane.ts'
import { handshake } from '../kit/handshake.ts'
import { type Actor, HOUR, IdentityStage } from '../kit/identity-stage.ts'
import { until } from '../kit/wait.ts'

let stage: IdentityStage
afterEach(() => stage.close())

/** The way to the plane of one process, which hears nothing until it is told to listen. */
class Ear implements PlaneLink {
  readonly urls = ['https://plane.test:7400']
  deaf = false
  readonly #link: PlaneLink

  constructor(link: PlaneLink) {
    this.#link = link
  }

  async send(request: PlaneRequest, signal?: AbortSignal): Promise<PlaneAnswer> {
    if (this.deaf) throw new MeshError('TULLE_PLANE', 'deaf')
    const answer = await this.#link.send(request, signal)
    if (this.deaf) throw new MeshError('TULLE_PLANE', 'deaf')
    return answer
  }

  async close(): Promise<void> {}
}

interface Member {
  readonly actor: Actor
  readonly ear: Ear
}

async function everybodyMeets(members: readonly Member[], moment: string): Promise<void> {
  for (const client of members)
    for (const server of members)
      assert.equal(await handshake(client.actor.identity, server.actor.identity), undefined, moment)
}

async function begin(): Promise<Member[]> {
  // TLS knows the machine's clock alone: a stage of an hour lies in the past, so that all of it is in time.
  stage = new IdentityStage({ beginMs: Date.now() - HOUR })
  const members = ['a', 'b', 'c'].map((name) => {
    const ear = new Ear(stage.plane)
    return { ear, actor: stage.actor(name, { link: ear }) }
  })
  for (const { actor } of members) await actor.start()
  await stage.pass(1000)
  return members
}

const rootsOf = ({ actor }: Member): number => actor.identity.roots?.length ?? 0

async function hears(member: Member, what: string, condition: () => boolean): Promise<void> {
  member.ear.deaf = false
  await until(
    async () => {
      await stage.pass(1000)
      return condition()
    },
    { what, everyMs: 0 },
  )
}

const ORDERS = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
] as const

test('FAULTS 38: a root is rotated and everybody meets everybody, in every order in which they hear of it', async () => {
  for (const order of ORDERS) {
    const members = await begin()
    for (const { ear } of members) ear.deaf = true
    stage.plane.rotate()
    await everybodyMeets(members, `${order}: nobody has heard`)
    for (const index of order) {
      const member = members[index]!
      await hears(member, 'the new bundle', () => rootsOf(member) === 2)
      await everybodyMeets(members, `${order}: ${index} has heard`)
      assert.ok(!member.actor.changes.includes('trust'), 'a root more endangers nobody')
    }
    await stage.close()
  }
})

test('FAULTS 38: a leaf of the new root is accepted by those who know only the old one', async () => {
  const [first, second, third] = (await begin()) as [Member, Member, Member]
  second.ear.deaf = third.ear.deaf = true
  stage.plane.rotate()
  stage.plane.lifetimeMs = 2 * HOUR
  // A process that joins now: its certificate is of the new root, and the cross-signed one stands behind it.
  const fourth = { ear: new Ear(stage.plane), actor: stage.actor('d') }
  await fourth.actor.start()
  assert.equal(rootsOf(second), 1)
  assert.equal(rootsOf(fourth), 2)
  await everybodyMeets([first, second, third, fourth], 'a new leaf among old ones')
})

test('FAULTS 39: whoever still shows a certificate of a root that is gone is refused, and is renewed at once', async () => {
  const [first, second] = (await begin()) as [Member, Member, Member]
  stage.plane.rotate()
  await hears(first, 'both roots', () => rootsOf(first) === 2 && rootsOf(second) === 2)
  second.ear.deaf = true
  stage.plane.retire()
  await hears(first, 'the old root gone', () => rootsOf(first) === 1)
  await hears(first, 'its own new leaf', () => first.actor.changes.at(-1) === 'renewed')
  assert.match((await handshake(second.actor.identity, first.actor.identity)) ?? '', /^(client|server): /)
  assert.match((await handshake(first.actor.identity, second.actor.identity)) ?? 'met', /met|client|server/)
  await hears(second, 'the news', () => rootsOf(second) === 1 && second.actor.changes.at(-1) === 'renewed')
  await everybodyMeets([first, second], 'both renewed')
})
