import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Tally } from '../../../../examples/demo/figures.ts'
import { board, type Moment } from '../../../../examples/demo/ui/board.ts'
import { columns, painted, unpainted } from '../../../../examples/demo/ui/paint.ts'

function tally(sent: number, ok: number, failed: number): Tally {
  return Object.assign(new Tally(), { sent, ok, failed })
}

const moment: Moment = {
  title: '2/9  One orders instance is killed with SIGKILL, and comes back',
  note: 'a note that is so long that it would break the line of any terminal that is only 80 columns wide',
  rows: [
    { name: 'web', state: 'up', rate: 160, history: Array(24).fill(40) },
    { name: 'orders-1', state: 'killed', rate: 0, history: [1, 2, 3] },
    { name: 'orders-2', state: 'starting', rate: 99_999, history: Array(100).fill(99_999) },
    { name: 'orders-3', state: '503', rate: 0.4, history: [] },
  ],
  tallies: {
    get: tally(9_999_999, 9_999_990, 9),
    keyed: tally(300, 300, 0),
    plain: tally(100, 98, 2),
  },
  p50Ms: 3.1,
  p99Ms: 12_345,
  seconds: 41.4,
}

test('no line of the live region is wider than 80 columns', () => {
  for (const paint of [painted, unpainted])
    for (const line of board(moment, paint)) assert.ok(columns(line) <= 80, `${columns(line)}: ${line}`)
})

test('the live region has as many lines whatever it shows, so that it can be drawn over itself', () => {
  const quiet = { ...moment, title: '', note: '', rows: moment.rows.map((row) => ({ ...row, rate: 0 })) }
  assert.equal(board(quiet, unpainted).length, board(moment, unpainted).length)
})

test('every instance has its state, its rate and its bar relative to the busiest', () => {
  const lines = board({ ...moment, rows: moment.rows.slice(0, 2) }, unpainted)
  assert.match(lines.find((line) => line.includes('web'))!, /● up .*█{24} +160\/s ▆{24}/)
  assert.match(lines.find((line) => line.includes('orders-1'))!, /✖ killed +0\/s/)
})

test('plain POSTs have a line of their own', () => {
  const lines = board(moment, unpainted)
  assert.match(lines.find((line) => line.includes('plain POST'))!, /plain POST +100 +98 +2/)
  assert.match(lines.find((line) => line.includes('keyed POST'))!, /keyed POST +300 +300 +0/)
})
