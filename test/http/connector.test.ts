import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import type { buildConnector } from 'undici'
import { connectorOver, timely } from '../../src/http/connector.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'

class Scripted {
  readonly asked: buildConnector.Callback[] = []
  readonly told: string[] = []
  readonly sockets: EventEmitter[] = []
  readonly clock = new ManualClock()
  readonly connect = connectorOver(
    (_options, callback) => {
      this.asked.push(callback)
    },
    2,
    this.clock,
  )

  ask(name: string): void {
    this.connect({} as buildConnector.Options, (...[error]: Parameters<buildConnector.Callback>) => {
      this.told.push(`${name}: ${error?.message ?? 'ok'}`)
    })
  }
  answer(error: Error | null): void {
    const callback = this.asked.shift() as (...args: unknown[]) => void
    if (error === null) this.sockets.push(new EventEmitter())
    callback(error, error === null ? this.sockets.at(-1) : null)
  }
}

test('connections are made a few at a time, in the order they were asked for', () => {
  const script = new Scripted()
  for (const name of ['a', 'b', 'c', 'd']) script.ask(name)
  assert.equal(script.asked.length, 2)
  script.answer(null)
  assert.deepEqual(script.told, ['a: ok'])
  assert.equal(script.asked.length, 1, 'made is not yet accepted')
  script.sockets[0]!.emit('readable')
  script.sockets[0]!.emit('close')
  assert.equal(script.asked.length, 2)
  script.answer(null)
  assert.equal(script.asked.length, 1)
  script.clock.advance(100)
  assert.equal(script.asked.length, 2, 'a slow answer keeps nobody from connecting')
  for (let i = 0; i < 2; i++) script.answer(null)
  assert.deepEqual(script.told, ['a: ok', 'b: ok', 'c: ok', 'd: ok'])
  script.clock.advance(100)
  assert.equal(script.clock.armed, 0)
})

test('who waits fails with the one that failed, and the next one to ask starts afresh', () => {
  const script = new Scripted()
  for (const name of ['a', 'b', 'c', 'd']) script.ask(name)
  script.answer(new Error('refused'))
  assert.deepEqual(script.told, ['a: refused', 'c: refused', 'd: refused'])
  script.ask('e')
  script.answer(null)
  script.answer(null)
  assert.deepEqual(script.told.slice(3), ['b: ok', 'e: ok'])
})

test('a connection that is not made in time is destroyed to the millisecond; one that is, is left alone', () => {
  const clock = new ManualClock()
  const destroyed: Error[] = []
  const socket = { connecting: true, destroy: (error: Error) => destroyed.push(error) }
  let made: buildConnector.Callback = () => {}
  const connect = timely(
    ((_options: unknown, callback: buildConnector.Callback) => {
      made = callback
      return socket
    }) as unknown as buildConnector.connector,
    200,
    clock,
  )
  const ask = () => connect({ hostname: '127.0.0.1', port: '4001' } as buildConnector.Options, () => {})
  ask()
  clock.advance(199)
  assert.deepEqual(destroyed, [])
  clock.advance(1)
  assert.deepEqual(
    destroyed.map(({ message }) => message),
    ['no connection to 127.0.0.1:4001 within 200 ms'],
  )
  ask()
  ;(made as (...result: unknown[]) => void)(null, socket)
  clock.advance(1000)
  assert.equal(destroyed.length, 1)
  assert.equal(clock.armed, 0)
})

test('a TLS handshake has a time of its own, from the moment there is a connection', () => {
  const clock = new ManualClock()
  const destroyed: string[] = []
  const socket = Object.assign(new EventEmitter(), {
    connecting: true,
    destroy: (error: Error) => destroyed.push(error.message),
  })
  const connector = (() => socket) as unknown as buildConnector.connector
  const connect = timely(connector, 200, clock, 1000)
  connect({ hostname: '127.0.0.1', port: '4001' } as buildConnector.Options, () => {})
  clock.advance(150)
  socket.emit('connect')
  clock.advance(999)
  assert.deepEqual(destroyed, [], 'the time to connect is over, the one of the handshake is not')
  clock.advance(1)
  assert.deepEqual(destroyed, ['no TLS handshake with 127.0.0.1:4001 within 1000 ms'])
  assert.equal(clock.armed, 0)
})
