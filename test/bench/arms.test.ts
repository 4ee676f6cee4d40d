import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { after, test } from 'node:test'
import type { Arm } from '../../bench/arms/arm.ts'
import { ARMS, armsOf } from '../../bench/arms/index.ts'
import { makeCertificates } from '../../bench/certificates.ts'
import { Stage, watched } from '../../bench/stage.ts'

const certificates = makeCertificates()
after(() => rmSync(certificates, { recursive: true }))

test('names are unique within a group, and whoever an arm is compared with is there', () => {
  for (const arm of ARMS) {
    const group = ARMS.filter(({ group }) => group === arm.group)
    const named = (name: string | undefined): number => group.filter((other) => other.name === name).length
    assert.equal(named(arm.name), 1, `${arm.group} ${arm.name}`)
    for (const other of [arm.against, arm.again])
      if (other !== undefined) assert.equal(named(other), 1, `${arm.group} ${other}`)
  }
})

test('every group with arms has two that are equal, in a quick look too', () => {
  for (const quick of [false, true])
    for (const group of new Set(ARMS.map(({ group }) => group))) {
      const arms = armsOf(group, { quick, match: undefined })
      assert.ok(arms.length === 0 || arms.some(({ again }) => again !== undefined), group)
    }
})

test('arms that are picked by name bring what they are compared with, and its equal', () => {
  const names = armsOf('http', { quick: false, match: 'mesh-fetch-armed' }).map(({ name }) => name)
  assert.deepEqual(names, ['dispatch', 'fetch', 'mesh-fetch-armed', 'fetch-again', 'dispatch-again'])
})

/** What equal arms do is the same; one of each is enough. */
const different = ARMS.filter(({ again }) => again === undefined)
for (const arm of different)
  test(`${arm.group}: ${arm.label} answers right`, { timeout: 60_000 }, async () => {
    const stage = new Stage(certificates)
    try {
      const staged = await stage.open(arm)
      for (const method of arm.methods ?? (['GET'] as const)) await someCalls(staged, method)
    } finally {
      await stage.close()
    }
  })

/** Both sides count, and disagree with an error; the caller judges status and length of every answer. */
async function someCalls(
  staged: Awaited<ReturnType<Stage['open']>>,
  method: NonNullable<Arm['methods']>[number],
): Promise<void> {
  const { calls, opened } = await watched(staged, { ask: 'closed', method, ms: 20, concurrency: 4 })
  assert.ok(calls >= 4)
  assert.ok(opened <= 64, `${opened} connections for ${calls} calls`)
}
