import assert from 'node:assert/strict'
import { test } from 'node:test'
import { machineOf } from '../../bench/machine.ts'
import { parseOptions } from '../../bench/options.ts'
import { callsReport } from '../../bench/report/calls.ts'
import { machineReport } from '../../bench/report/machine.ts'
import { tableOf } from '../../bench/report/table.ts'
import { GROUP } from './fixtures.ts'

const machine = machineOf(parseOptions([]))

test('columns are as wide as their widest cell, names to the left and numbers to the right', () => {
  const columns = [
    { title: 'who', of: ([who]: [string, number]) => who, align: 'left' as const },
    { title: '×', of: ([, n]: [string, number]) => String(n) },
  ]
  const rows: [string, number][] = [
    ['a', 1],
    ['longer', 100],
  ]
  assert.equal(tableOf(columns, rows), 'who       ×\na         1\nlonger  100\n')
})

test('a table states cost, difference, and what equals differ by; a doubtful ratio has a question mark', () => {
  const text = callsReport(GROUP, machine, false)
  assert.match(text, /^mesh +16\.0 +16\.0–16\.0 +\+6\.0 +2\.0 +1\.60 +26\.0 +\+6\.0 +1\.0/m)
  assert.match(text, /^dispatch-again .* 1\.20 \?/m)
  assert.doesNotMatch(text, /windows/)
})

test('the raw windows are there where they are asked for', () => {
  assert.match(callsReport(GROUP, machine, true), /^mesh .*16\.0 16\.0 +26\.0 26\.0 +900$/m)
})

test('what the figures hold for is printed: versions, machine and pace', () => {
  const text = machineReport(machine)
  assert.match(text, new RegExp(`node ${process.versions.node.replaceAll('.', '\\.')}`))
  for (const part of ['undici 7', 'opossum', 'moleculer 0.14', 'openssl', 'after 2500 ms of warm-up'])
    assert.ok(text.includes(part), `${part} in ${text}`)
})
