import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkPlanes } from '../../../src/cli/check/planes.ts'
import type { LinkTarget } from '../../../src/cli/world.ts'
import { MeshError } from '../../../src/core/errors.ts'
import type { PlaneLink } from '../../../src/core/plane.ts'
import { FakeWorld, NOW } from '../../kit/command.ts'

/** Answers /v1/info by URL. */
class Planes extends FakeWorld {
  readonly #by: Readonly<Record<string, unknown>>

  constructor(by: Readonly<Record<string, unknown>>) {
    super()
    this.#by = by
  }

  override openLink(to: LinkTarget): Promise<PlaneLink> {
    return new FakeWorld({ 'GET /v1/info': this.#by[to.urls[0] as string] }).openLink(to)
  }
}

const down = new MeshError('TULLE_PLANE', 'the plane at https://a:1 cannot be reached: connection refused')
const stranger = new MeshError(
  'TULLE_PLANE',
  'the plane at https://a:1 shows a certificate of a root that is not ours',
)
const look = (by: Readonly<Record<string, unknown>>) => checkPlanes({ urls: Object.keys(by) }, new Planes(by))

test('a plane that proves itself and agrees about the time', async () => {
  assert.deepEqual(
    (await look({ 'https://a:1': { wall: NOW, version: '0.1.0' } })).map(({ verdict, says }) => [
      verdict,
      says,
    ]),
    [
      ['pass', 'the plane at https://a:1 has proved itself and answers in 0 ms, version 0.1.0'],
      ['pass', "the clock agrees with the plane's (within 30 s)"],
    ],
  )
})

test('one that is down, or a stranger, fails with the words of the link', async () => {
  for (const error of [down, stranger]) {
    assert.deepEqual(await look({ 'https://a:1': error }), [
      { verdict: 'fail', says: error.message, hint: error.hint },
    ])
  }
})

test('where another plane answers, one that is down is a warning', async () => {
  const findings = await look({ 'https://a:1': down, 'https://b:2': { wall: NOW } })
  assert.deepEqual(
    findings.map(({ verdict }) => verdict),
    ['warn', 'pass', 'pass'],
  )
})

test('something else than a plane', async () => {
  const [finding] = await look({ 'https://a:1': { hello: 'world' } })
  assert.deepEqual(
    [finding?.verdict, finding?.says],
    ['fail', 'what answers at https://a:1 is no plane of this version'],
  )
})

test('FAULTS 40: of several clocks the worst is told', async () => {
  const findings = await look({ 'https://a:1': { wall: NOW }, 'https://b:2': { wall: NOW - 3_600_000 } })
  assert.match(findings.at(-1)?.says ?? '', /60 min ahead of the plane's/)
  assert.equal(findings.at(-1)?.verdict, 'fail')
})
