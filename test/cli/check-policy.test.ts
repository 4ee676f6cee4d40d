import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { checkPolicy } from '../../src/cli/check-policy.ts'
import { problemText } from '../../src/policy/problem.ts'
import { PIECES } from '../kit/policy.ts'

async function written(t: TestContext, texts: Readonly<Record<string, string>>): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'tulle-check-'))
  t.after(() => rm(path, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(texts)) await writeFile(join(path, name), text)
  return path
}

test('files and folders are checked as one policy', async (t) => {
  const path = await written(t, { 'a.yaml': 'version: 1\nservices: { orders: {} }\n' })
  await mkdir(join(path, 'team'))
  await writeFile(join(path, 'team', 'b.yaml'), 'version: 1\nservices: { orders: {}, stock: {} }\n')
  const { mistakes, documents, services } = await checkPolicy(
    [join(path, 'a.yaml'), join(path, 'team')],
    PIECES,
  )
  assert.deepEqual(
    mistakes.map((mistake) => problemText(mistake).replaceAll(path, '')),
    ['services.orders: service orders is already in /a.yaml:2:13 (/team/b.yaml:2:13)'],
  )
  assert.deepEqual([documents, services], [1, 1])
})

test('a path that holds no document is a mistake', async (t) => {
  const path = await written(t, {})
  const { mistakes } = await checkPolicy([join(path, 'no.yaml'), path], PIECES)
  assert.deepEqual(
    mistakes.map(({ message }) => message),
    ['there is no such file or folder', 'a folder without documents'],
  )
})

test('the hosts that may be claimed are those it is told', async (t) => {
  const path = await written(t, {
    'a.yaml': 'version: 1\nservices: { orders: { hosts: [api.example.com] } }\n',
  })
  assert.equal((await checkPolicy([path], PIECES)).mistakes.length, 1)
  assert.equal((await checkPolicy([path], PIECES, ['api.example.com'])).mistakes.length, 0)
})
