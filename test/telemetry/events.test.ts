import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { test } from 'node:test'
import { EventBus } from '../../src/telemetry/events.ts'

const readmitted = { service: 'orders', endpoint: '127.0.0.1:4001' }

test('an event is wanted only while somebody listens', () => {
  const bus = new EventBus()
  assert.equal(bus.wants('readmitted'), false)
  const seen: unknown[] = []
  const remove = bus.on('readmitted', (payload) => seen.push(payload))
  assert.equal(bus.wants('readmitted'), true)
  assert.equal(bus.wants('ejected'), false)
  bus.emit('readmitted', readmitted)
  remove()
  remove()
  assert.equal(bus.wants('readmitted'), false)
  bus.emit('readmitted', readmitted)
  assert.deepEqual(seen, [readmitted])
})

test('a listener that throws harms neither the others nor whoever emits', () => {
  const errors: unknown[] = []
  const bus = new EventBus((name, error) => errors.push([name, error]))
  const seen: string[] = []
  const boom = new Error('boom')
  bus.on('readmitted', () => {
    throw boom
  })
  bus.on('readmitted', () => seen.push('second'))
  bus.emit('readmitted', readmitted)
  assert.deepEqual(seen, ['second'])
  assert.deepEqual(errors, [['readmitted', boom]])
})

test('whoever is being told may leave, and whoever joins is told of the next', () => {
  const bus = new EventBus()
  const seen: string[] = []
  const remove = bus.on('readmitted', () => {
    seen.push('first')
    remove()
    bus.on('readmitted', () => seen.push('third'))
  })
  bus.on('readmitted', () => seen.push('second'))
  bus.emit('readmitted', readmitted)
  bus.emit('readmitted', readmitted)
  assert.deepEqual(seen, ['first', 'second', 'second', 'third'])
})

test('one function that listens twice is told twice, and removed once at a time', () => {
  const bus = new EventBus()
  let told = 0
  const listener = (): void => void told++
  const remove = bus.on('readmitted', listener)
  bus.on('readmitted', listener)
  bus.emit('readmitted', readmitted)
  remove()
  bus.emit('readmitted', readmitted)
  assert.equal(told, 3)
})

test('diagnostics channels carry every event under its name', () => {
  const bus = new EventBus()
  const seen: unknown[] = []
  const subscriber = (payload: unknown, name: string | symbol): void => void seen.push([name, payload])
  subscribe('tulle:readmitted', subscriber)
  try {
    assert.equal(bus.wants('readmitted'), true)
    bus.emit('readmitted', readmitted)
  } finally {
    unsubscribe('tulle:readmitted', subscriber)
  }
  assert.equal(bus.wants('readmitted'), false)
  assert.deepEqual(seen, [['tulle:readmitted', readmitted]])
})
