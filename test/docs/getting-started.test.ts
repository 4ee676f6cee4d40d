import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from '../kit/root.ts'

const page = readFileSync(join(root, 'docs/getting-started.md'), 'utf8')

test('the example with an embedded plane runs as it is printed', () => {
  const blocks = [...page.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code ?? '')
  const code = blocks.find((text) => text.includes('startPlane')) ?? assert.fail('it is not there')
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    cwd: root,
    encoding: 'utf8',
    timeout: 30_000,
  })
  assert.deepEqual([status, stdout, stderr], [0, 'hello web\n', ''])
})
