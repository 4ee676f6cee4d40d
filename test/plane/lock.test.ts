import assert from 'node:assert/strict'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { stat } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { isMeshError } from '../../src/core/errors.ts'
import { DirectoryLock } from '../../src/plane/lock.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { type Cleanup, siblingOf, startProcess } from '../kit/process.ts'
import { until } from '../kit/wait.ts'

function folder(t: Cleanup): string {
  const directory = mkdtempSync(join(tmpdir(), 'tulle-lock-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

const HOLD = siblingOf(import.meta.url, './hold-lock')
test('a second writer is refused, naming pid, host and directory', async (t) => {
  const directory = folder(t)
  const child = await startProcess(t, HOLD, { args: [directory] })
  await assert.rejects(DirectoryLock.take(directory, systemClock), (error) => {
    assert.ok(isMeshError(error) && error.code === 'TULLE_STATE')
    for (const part of [String(child.pid), hostname(), directory]) assert.ok(error.message.includes(part))
    return true
  })
})

test('the same process is a second writer too', async (t) => {
  const directory = folder(t)
  const lock = await DirectoryLock.take(directory, systemClock)
  await assert.rejects(DirectoryLock.take(directory, systemClock), /in use by process/)
  await lock.release()
  const again = await DirectoryLock.take(directory, systemClock)
  await again.release()
  assert.deepEqual(readdirSync(directory), [])
})

test('the lock of a killed process is taken over', async (t) => {
  const directory = folder(t)
  const child = await startProcess(t, HOLD, { args: [directory] })
  await child.kill('SIGKILL')
  assert.deepEqual(readdirSync(directory), ['.lock'])
  const lock = await DirectoryLock.take(directory, systemClock)
  assert.equal(lock.held, true)
  assert.deepEqual(readdirSync(directory), ['.lock'])
  await lock.release()
})

test('of many that find a dead lock exactly one takes it, also where a successor died on the way', async (t) => {
  for (let round = 0; round < 20; round++) {
    const directory = folder(t)
    const child = JSON.parse(await ourHolder(directory)) as object
    const [a, b] = ['a'.repeat(32), 'b'.repeat(32)]
    const gone = { ...child, pid: 2 ** 22 + 1 }
    writeFileSync(join(directory, '.lock'), JSON.stringify({ ...gone, token: a }))
    if (round % 2 === 1)
      writeFileSync(join(directory, `.lock.after-${a}`), JSON.stringify({ ...gone, token: b }))
    const attempts = await Promise.allSettled(
      Array.from({ length: 8 }, () => DirectoryLock.take(directory, systemClock)),
    )
    const holders = attempts.filter(({ status }) => status === 'fulfilled')
    assert.equal(holders.length, 1)
    assert.deepEqual(readdirSync(directory), ['.lock'])
    for (const holder of holders) if (holder.status === 'fulfilled') await holder.value.release()
  }
})

test('a holder in another container is watched: silent for 8 s it is dead, else it is refused', async (t) => {
  const directory = folder(t)
  const elsewhere = { ...(JSON.parse(await ourHolder(directory)) as object), host: 'elsewhere' }
  const path = join(directory, '.lock')
  writeFileSync(path, JSON.stringify(elsewhere))
  const clock = new ManualClock()
  const taken = DirectoryLock.take(directory, clock)
  await until(() => clock.armed > 0, { what: 'the watch' })
  clock.advance(8000)
  const lock = await taken
  await lock.release()

  writeFileSync(path, JSON.stringify(elsewhere))
  const refused = assert.rejects(DirectoryLock.take(directory, clock), /on host elsewhere/)
  await until(() => clock.armed > 0, { what: 'the watch' })
  writeFileSync(path, JSON.stringify(elsewhere))
  clock.advance(8000)
  await refused
})

test('who has lost the lock while stopped finds out at the next beat', async (t) => {
  const directory = folder(t)
  const clock = new ManualClock()
  const lock = await DirectoryLock.take(directory, clock)
  const path = join(directory, '.lock')
  writeFileSync(path, readFileSync(path, 'utf8').replace(/"token":"\w+"/, `"token":"${'c'.repeat(32)}"`))
  clock.advance(2000)
  await until(() => !lock.held, { what: 'the loss' })
  await lock.release()
  assert.deepEqual(readdirSync(directory), ['.lock'])
})

async function ourHolder(directory: string): Promise<string> {
  const lock = await DirectoryLock.take(directory, systemClock)
  const holder = readFileSync(join(directory, '.lock'), 'utf8')
  await lock.release()
  return holder
}

test('a lock that cannot be read for a while is neither lost nor the end of the process', async (t) => {
  const directory = folder(t)
  const clock = new ManualClock()
  const lock = await DirectoryLock.take(directory, clock)
  renameSync(join(directory, '.lock'), join(directory, 'aside'))
  mkdirSync(join(directory, '.lock'))
  for (let beat = 0; beat < 3; beat++) {
    clock.advance(2000)
    // What the beat asks of the disk is answered before this is.
    for (let asked = 0; asked < 20; asked++) await stat(directory)
  }
  assert.equal(lock.held, true)
  rmdirSync(join(directory, '.lock'))
  renameSync(join(directory, 'aside'), join(directory, '.lock'))
  await lock.release()
  assert.deepEqual(readdirSync(directory), [])
})
