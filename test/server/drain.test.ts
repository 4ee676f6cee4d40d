import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DrainingServer } from '../../src/core/runtime.ts'
import { type DrainPlan, drain } from '../../src/server/drain.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'

interface Stage {
  readonly clock: ManualClock
  readonly told: string[]
  readonly server: DrainingServer
  /** What was in flight has ended. */
  quiet(): void
  start(more?: Partial<DrainPlan>): Promise<void>
}

function stage(): Stage {
  const clock = new ManualClock()
  const told: string[] = []
  let quiet = (): void => {}
  const server: DrainingServer = {
    name: 'web',
    announce: () => told.push('announce'),
    destroy: () => told.push('destroy'),
    finish: (signal) => {
      told.push('finish')
      return new Promise((resolve) => {
        quiet = resolve
        signal.addEventListener('abort', () => {
          told.push('out of grace')
          resolve()
        })
      })
    },
  }
  const start = (more: Partial<DrainPlan> = {}): Promise<void> =>
    drain({
      clock,
      log: { warn: (message) => told.push(message.split(';')[0] ?? '') },
      servers: [server],
      deregister: [
        async () => {
          told.push('deregister')
        },
      ],
      propagationMs: 5000,
      graceMs: 30_000,
      refuse: () => told.push('refuse'),
      ...more,
    })
  return { clock, told, server, quiet: () => quiet(), start }
}

/** Lets promises that are settled run their course. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('deregisters, announces, serves on while callers learn of it, then stops accepting and waits for what is in flight', async () => {
  const { clock, told, quiet, start } = stage()
  const drained = start()
  await settle()
  assert.deepEqual(told, ['deregister', 'announce'])
  clock.advance(4999)
  await settle()
  assert.deepEqual(told, ['deregister', 'announce'])
  clock.advance(1)
  await settle()
  assert.deepEqual(told.slice(2), ['finish'])
  clock.advance(29_000)
  quiet()
  await drained
  assert.deepEqual(told.slice(3), ['refuse', 'destroy'])
  assert.equal(clock.armed, 0)
})

test('only when the grace is over is what remains refused and cut', async () => {
  const { clock, told, start } = stage()
  const drained = start({ propagationMs: 0 })
  await settle()
  clock.advance(29_999)
  await settle()
  assert.deepEqual(told, ['deregister', 'announce', 'finish'])
  clock.advance(1)
  await drained
  assert.deepEqual(told.slice(3), ['out of grace', 'refuse', 'destroy'])
})

test('a registry that fails or never answers delays the drain by two seconds at most', async () => {
  const { clock, told, quiet, start } = stage()
  const drained = start({
    propagationMs: 0,
    deregister: [() => Promise.reject(new Error('down')), () => new Promise(() => {})],
  })
  await settle()
  clock.advance(2000)
  await settle()
  assert.deepEqual(told, ['could not deregister', 'announce', 'finish'])
  quiet()
  await drained
  assert.equal(clock.armed, 0)
})

test('a server that fails to come to rest is cut with the others', async () => {
  const { told, server, quiet, start } = stage()
  const broken: DrainingServer = { ...server, name: 'broken', finish: () => Promise.reject(new Error('no')) }
  const drained = start({ propagationMs: 0, servers: [broken, server] })
  await settle()
  quiet()
  await drained
  assert.equal(told.filter((step) => step === 'destroy').length, 2)
})
