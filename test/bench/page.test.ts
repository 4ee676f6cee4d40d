import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { GROUPS } from '../../bench/groups.ts'
import { commandOf, withTable } from '../../bench/report/page.ts'
import { root } from '../kit/root.ts'

test('a table goes between its marks, below its command, and the rest of the page stays', () => {
  const page = 'before\n<!-- bench:http -->\nold\n<!-- /bench:http -->\nafter\n'
  const once = withTable(page, 'http', 'npm run bench -- http', 'a  1\n\n')
  assert.equal(
    once,
    'before\n<!-- bench:http -->\n\n```sh\nnpm run bench -- http\n```\n\n```\na  1\n```\n\n<!-- /bench:http -->\nafter\n',
  )
  assert.equal(withTable(once, 'http', 'npm run bench -- http', 'a  1'), once)
})

test('a page without the marks is an error that names them', () => {
  assert.throws(() => withTable('nothing', 'tls', '', ''), /no <!-- bench:tls -->/)
})

test('a command repeats one group with what was asked for', () => {
  const args = ['http', 'tls', '--turns', '4', '--docs', '--plot']
  assert.equal(commandOf('tls', args, GROUPS), 'npm run bench -- tls --turns 4')
  assert.equal(commandOf('tls', [], GROUPS), 'npm run bench -- tls')
  assert.equal(commandOf(undefined, ['--docs', '--turns', '4'], GROUPS), 'npm run bench -- --turns 4')
  assert.equal(commandOf(undefined, ['--docs'], GROUPS), 'npm run bench')
})

test('every group has its place in the page about performance', () => {
  const page = readFileSync(`${root}/docs/performance.md`, 'utf8')
  for (const group of [...GROUPS, 'targets']) assert.doesNotThrow(() => withTable(page, group, '', ''), group)
})
