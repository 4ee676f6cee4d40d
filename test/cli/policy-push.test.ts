import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { MeshError } from '../../src/core/errors.ts'
import { PlaneRefusal } from '../../src/core/plane.ts'
import { FakeWorld, tulle } from '../kit/command.ts'

const ORDERS = 'version: 1\nservices: { orders: {} }\n'
const STOCK = 'version: 1\nservices: { stock: {} }\n'

async function folder(t: TestContext, texts: Readonly<Record<string, string>>): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'tulle-push-'))
  t.after(() => rm(path, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(texts)) await writeFile(join(path, name), text)
  return path
}

const accepting = (): FakeWorld => new FakeWorld({ 'POST /v1/policy': { sequence: 12 } })

test('documents are named as their files; who and why go with them', async (t) => {
  const path = await folder(t, { 'orders.yaml': ORDERS, 'stock.yaml': STOCK })
  const world = accepting()
  const { code, out } = await tulle(world, 'policy', 'push', path, '-m', 'both')
  assert.deepEqual([code, out], [0, 'version 12: 2 documents pushed, 0 deleted\n'])
  assert.deepEqual(world.asked[0]?.body, {
    documents: [
      { name: 'orders.yaml', text: ORDERS },
      { name: 'stock.yaml', text: STOCK },
    ],
    message: 'both',
    author: 'alice@laptop',
  })
})

test('--delete, --replace, --author and --expected are told the plane', async (t) => {
  const path = await folder(t, { 'orders.yaml': ORDERS })
  const world = accepting()
  const flags = [
    '--delete',
    'a.yaml',
    '--delete',
    'b.yaml',
    '--replace',
    '--author',
    'ci',
    '--expected',
    '11',
  ]
  const { out } = await tulle(world, 'policy', 'push', path, ...flags, '--json')
  assert.deepEqual(JSON.parse(out), { sequence: 12 })
  assert.deepEqual(world.asked[0]?.body, {
    documents: [
      { name: 'orders.yaml', text: ORDERS },
      { name: 'a.yaml', text: null },
      { name: 'b.yaml', text: null },
    ],
    message: '',
    author: 'ci',
    replace: true,
    expected: 11,
  })
})

test('a mistake is found here, with its place, before the plane is asked', async (t) => {
  const path = await folder(t, {
    'orders.yaml': 'version: 1\nservices:\n  orders: { retry: { limit: three } }\n',
  })
  const world = new FakeWorld()
  const { code, out, err } = await tulle(world, 'policy', 'push', path)
  assert.equal(code, 1)
  assert.equal(
    out,
    `mistake  services.orders.retry.limit: expected a whole number 0–10, found "three" (${join(path, 'orders.yaml')}:3:29)\n`,
  )
  assert.equal(err, '1 mistake: nothing was pushed\n')
  assert.deepEqual(world.asked, [])
})

test('what only the plane can see is printed the same way, with the file that was pushed', async (t) => {
  const path = await folder(t, { 'orders.yaml': ORDERS })
  const problem = {
    path: 'services.orders',
    message: 'service orders is already in shop.yaml:2:1',
    file: 'orders.yaml',
    line: 2,
    column: 13,
  }
  const world = new FakeWorld({
    'POST /v1/policy': new PlaneRefusal(
      422,
      { error: 'policy', message: 'refused', problems: [problem] },
      'refused',
    ),
  })
  const { code, out } = await tulle(world, 'policy', 'push', path)
  assert.equal(code, 1)
  assert.equal(
    out,
    `mistake  services.orders: service orders is already in shop.yaml:2:1 (${join(path, 'orders.yaml')}:2:13)\n`,
  )
  const { out: json } = await tulle(world, 'policy', 'push', path, '--json')
  assert.equal(JSON.parse(json).mistakes[0].line, 2)
})

test('a plane that is not there is no mistake of the policy', async (t) => {
  const path = await folder(t, { 'orders.yaml': ORDERS })
  const world = new FakeWorld({
    'POST /v1/policy': new MeshError('TULLE_PLANE', 'the plane cannot be reached'),
  })
  const { code, out, err } = await tulle(world, 'policy', 'push', path)
  assert.deepEqual([code, out], [1, ''])
  assert.match(err, /^the plane cannot be reached\n/)
})

test('two files that would be one document are refused', async (t) => {
  const path = await folder(t, { 'mesh.yaml': ORDERS })
  await mkdir(join(path, 'team'))
  await writeFile(join(path, 'team', 'mesh.yaml'), STOCK)
  const world = accepting()
  const { code, err } = await tulle(world, 'policy', 'push', join(path, 'mesh.yaml'), join(path, 'team'))
  assert.equal(code, 1)
  assert.match(err, /would be one document, mesh\.yaml/)
  assert.deepEqual(world.asked, [])
})

test('nothing to push is asked wrongly', async () => {
  const { code, err } = await tulle(accepting(), 'policy', 'push')
  assert.equal(code, 2)
  assert.match(err, /nothing to push/)
})

test('a document may be deleted alone', async () => {
  const world = accepting()
  assert.equal((await tulle(world, 'policy', 'push', '--delete', 'old.yaml')).code, 0)
  assert.deepEqual((world.asked[0] as { body: { documents: unknown } }).body.documents, [
    { name: 'old.yaml', text: null },
  ])
})

test('a push that changes nothing makes no version, and says so', async (t) => {
  const path = await folder(t, { 'orders.yaml': ORDERS })
  const world = new FakeWorld({ 'POST /v1/policy': { sequence: 12, changed: false } })
  assert.equal(
    (await tulle(world, 'policy', 'push', path)).out,
    'version 12 is the same: nothing to change\n',
  )
})
