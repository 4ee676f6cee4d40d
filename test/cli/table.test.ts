import assert from 'node:assert/strict'
import { test } from 'node:test'
import { count, table } from '../../src/cli/table.ts'

test('columns are as wide as their widest cell, and no line ends with blanks', () => {
  assert.equal(
    table(
      ['name', 'n', 'why'],
      [
        ['orders', '1', ''],
        ['a', '12', 'because'],
      ],
    ),
    'NAME    N   WHY\norders  1\na       12  because\n',
  )
})

test('no rows: the head alone', () => assert.equal(table(['name'], []), 'NAME\n'))

test('numbers of things read as words', () => {
  assert.deepEqual(
    [count(0, 'token'), count(1, 'token'), count(2, 'token')],
    ['no tokens', '1 token', '2 tokens'],
  )
})

test('what others have said cannot give the terminal orders', () => {
  assert.equal(table(['a'], [['\u001b[2J\nroot\u009b1m']]), 'A\n\ufffd[2J\ufffdroot\ufffd1m\n')
})
