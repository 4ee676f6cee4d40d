import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { systemClock, systemWall } from '../../src/platform/clock.ts'

test('now never steps back and runs in milliseconds', async () => {
  const start = systemClock.now()
  await new Promise<void>((resolve) => systemClock.after(20, resolve))
  const ms = systemClock.now() - start
  assert.ok(ms >= 19 && ms < 2000, `${ms} ms`)
  assert.ok(systemWall() > 1_700_000_000_000)
})

test('a live call keeps the process alive, background work does not', () => {
  const clock = new URL('../../src/platform/clock.js', import.meta.url).href
  const here = import.meta.url.endsWith('.ts') ? clock.replace(/\.js$/, '.ts') : clock
  const run = (method: string) =>
    spawnSync(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `import { systemClock } from ${JSON.stringify(here)}; systemClock.${method}(50, () => process.stdout.write('fired'))`,
      ],
      { encoding: 'utf8' },
    ).stdout
  assert.equal(run('after'), 'fired')
  assert.equal(run('background'), '')
})

test('a wait too long for a timer of Node is a long wait, not none', async () => {
  for (const ms of [2 ** 31, 1e12, Number.POSITIVE_INFINITY]) {
    const fired: string[] = []
    const disarm = [
      systemClock.after(ms, () => fired.push('after')),
      systemClock.background(ms, () => fired.push('background')),
    ]
    await new Promise<void>((resolve) => systemClock.after(20, resolve))
    for (const one of disarm) one()
    assert.deepEqual(fired, [], `${ms} ms`)
  }
})
