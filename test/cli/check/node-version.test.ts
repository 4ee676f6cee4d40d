import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkNode } from '../../../src/cli/check/node-version.ts'

test('Node from 20.19 on', () => {
  const verdicts = ['v18.20.0', 'v20.18.3', 'v20.19.0', 'v22.1.0'].map(
    (version) => checkNode(version).verdict,
  )
  assert.deepEqual(verdicts, ['fail', 'fail', 'pass', 'pass'])
  assert.match(checkNode('v18.20.0').hint ?? '', /20\.19/)
})
