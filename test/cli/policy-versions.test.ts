import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PlaneRefusal } from '../../src/core/plane.ts'
import { FakeWorld, NOW, tulle } from '../kit/command.ts'

const version = (sequence: number, documents: Readonly<Record<string, string>>): object => ({
  sequence,
  author: 'alice',
  message: `change ${sequence}`,
  at: NOW + sequence * 1000,
  documents: Object.entries(documents).map(([name, text]) => ({ name, text })),
})
const ONE = version(1, { 'a.yaml': 'version: 1\ndefaults: { timeout: 5s }\n', 'old.yaml': 'version: 1\n' })
const THREE = version(3, { 'a.yaml': 'version: 1\ndefaults: { timeout: 2s }\n', 'new.yaml': 'version: 1' })

const world = (): FakeWorld =>
  new FakeWorld({
    'GET /v1/policy/versions': { versions: [ONE, THREE] },
    'GET /v1/policy/versions/1': ONE,
    'GET /v1/policy/versions/3': THREE,
    'GET /v1/policy/versions/2': new PlaneRefusal(404, {}, 'the plane refuses: there is no version 2'),
    'POST /v1/policy/rollback': { sequence: 4 },
  })

test('history is newest first', async () => {
  assert.equal(
    (await tulle(world(), 'policy', 'history')).out,
    'VERSION  TIME                  AUTHOR  MESSAGE\n3        2026-11-21 06:00:03Z  alice   change 3\n1        2026-11-21 06:00:01Z  alice   change 1\n',
  )
})

test('a document is printed byte for byte, of the newest version or of another', async () => {
  const { out } = await tulle(world(), 'policy', 'get', 'a.yaml')
  assert.equal(out, 'version: 1\ndefaults: { timeout: 2s }\n')
  assert.match((await tulle(world(), 'policy', 'get', 'a.yaml', '--at', '1')).out, /timeout: 5s/)
})

test('all documents are printed with their names', async () => {
  assert.equal(
    (await tulle(world(), 'policy', 'get')).out,
    '# a.yaml\nversion: 1\ndefaults: { timeout: 2s }\n\n# new.yaml\nversion: 1\n\n',
  )
})

test('a document that is not there is answered with those that are', async () => {
  const { code, err } = await tulle(world(), 'policy', 'get', 'b.yaml')
  assert.deepEqual([code, err], [1, 'version 3 has no document b.yaml\nIt has: a.yaml, new.yaml.\n'])
})

test('a diff of the last change: what changed, what came, what went', async () => {
  const { out } = await tulle(world(), 'policy', 'diff')
  assert.deepEqual(out.split('\n'), [
    '--- a.yaml\tversion 1',
    '+++ a.yaml\tversion 3',
    '@@ -1,2 +1,2 @@',
    ' version: 1',
    '-defaults: { timeout: 5s }',
    '+defaults: { timeout: 2s }',
    '--- /dev/null',
    '+++ new.yaml\tversion 3',
    '@@ -0,0 +1,1 @@',
    '+version: 1',
    '\\ No newline at end of file',
    '--- old.yaml\tversion 1',
    '+++ /dev/null',
    '@@ -1,1 +0,0 @@',
    '-version: 1',
    '',
  ])
})

test('a diff between named versions; before the first there was nothing', async () => {
  assert.match((await tulle(world(), 'policy', 'diff', '3', '1')).out, /^-defaults: \{ timeout: 2s \}$/m)
  assert.match((await tulle(world(), 'policy', 'diff', '0', '1')).out, /^--- \/dev\/null$/m)
  assert.equal((await tulle(world(), 'policy', 'diff', '3', '3')).out, '')
})

test('a version nobody has is refused in the words of the plane', async () => {
  const { code, err } = await tulle(world(), 'policy', 'diff', '2')
  assert.equal(code, 1)
  assert.match(err, /there is no version 2/)
})

test('what is no version is asked wrongly', async () => {
  const { code, err } = await tulle(world(), 'policy', 'rollback', 'last')
  assert.equal(code, 2)
  assert.match(err, /tulle policy history/)
})

test('a rollback is a new version', async () => {
  const asked = world()
  const { out } = await tulle(asked, 'policy', 'rollback', '1', '-m', 'too low')
  assert.equal(out, 'version 4 has the documents of version 1\n')
  assert.deepEqual(asked.asked[0]?.body, { to: 1, message: 'too low', author: 'alice@laptop' })
})
