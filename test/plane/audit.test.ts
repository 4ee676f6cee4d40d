import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type AuditEntry, AuditLog } from '../../src/plane/audit.ts'
import type { Cleanup } from '../kit/process.ts'

function file(t: Cleanup): string {
  const directory = mkdtempSync(join(tmpdir(), 'tulle-audit-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return join(directory, 'audit.log')
}

const entry = (detail: string, status = 200): AuditEntry => ({
  time: 1,
  caller: 'admin',
  from: '127.0.0.1',
  route: 'POST /v1/policy',
  status,
  detail,
})
const lines = (path: string): AuditEntry[] =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as AuditEntry)

test('what is awaited is on disk, in order, in a file only its owner may read', async (t) => {
  const path = file(t)
  const log = await AuditLog.open({ file: path })
  t.after(() => log.close())
  await Promise.all(Array.from({ length: 200 }, (_, i) => log.append(entry(String(i)))))
  assert.deepEqual(
    lines(path).map(({ detail }) => Number(detail)),
    Array.from({ length: 200 }, (_, i) => i),
  )
  assert.equal(statSync(path).mode & 0o777, 0o600)
})

test('a new run goes on where the last one ended, also where a crash cut a line off', async (t) => {
  const path = file(t)
  const first = await AuditLog.open({ file: path })
  await first.append(entry('one'))
  await first.close()
  appendFileSync(path, '{"time":2,"cal')
  const again = await AuditLog.open({ file: path })
  await again.append(entry('two'))
  assert.deepEqual(
    again.recent().map(({ detail }) => detail),
    ['one', 'two'],
  )
  await again.close()
  const [whole, cut, last] = readFileSync(path, 'utf8').split('\n')
  assert.match(whole as string, /"one"/)
  assert.equal(cut, '{"time":2,"cal')
  assert.match(last as string, /"two"/)
})

test('a full file is put aside, and the oldest goes', async (t) => {
  const path = file(t)
  const log = await AuditLog.open({ file: path, maxBytes: 300, keep: 2 })
  t.after(() => log.close())
  for (let i = 0; i < 40; i++) await log.append(entry(String(i)))
  assert.deepEqual(readdirSync(join(path, '..')).sort(), ['audit.log', 'audit.log.1', 'audit.log.2'])
  const kept = [...lines(`${path}.2`), ...lines(`${path}.1`), ...lines(path)].map(({ detail }) =>
    Number(detail),
  )
  assert.deepEqual(
    kept,
    kept.toSorted((a, b) => a - b),
  )
  assert.equal(kept.at(-1), 39)
  assert.ok(statSync(`${path}.1`).size < 600)
})

test('a flood of refusals is counted, not kept', async (t) => {
  const path = file(t)
  const log = await AuditLog.open({ file: path })
  for (let i = 0; i < 12_000; i++) log.note(entry('no', 401))
  await log.append(entry('yes'))
  log.note(entry('later', 401))
  await log.close()
  const all = lines(path)
  assert.equal(all.length, 10_002)
  assert.match(all.at(-1)?.detail ?? '', /2000 refusals before this one/)
  assert.ok(log.recent(5000).length <= 1000)
})

test('refusals, which anybody can cause, do not push out what was done: they are counted', async (t) => {
  const path = file(t)
  let room = 3
  const log = await AuditLog.open({ file: path, maxBytes: 2000, keep: 1, mayNote: () => room-- > 0 })
  await log.append(entry('the change'))
  for (let i = 0; i < 5000; i++) log.note(entry('no', 401))
  room = 1
  log.note(entry('last', 401))
  await log.close()
  assert.match(lines(path)[0]?.detail ?? '', /the change/)
  assert.match(lines(path).at(-1)?.detail ?? '', /4997 refusals before this one .*; last/)
})
