import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { buildConnector } from 'undici'
import { connectorOver } from '../../src/http/connector.ts'

class Scripted {
  readonly asked: buildConnector.Callback[] = []
  readonly told: string[] = []
  readonly connect = connectorOver((_options, callback) => {
    this.asked.push(callback)
  }, 2)

  ask(name: string): void {
    this.connect({} as buildConnector.Options, (...[error]: Parameters<buildConnector.Callback>) => {
      this.told.push(`${name}: ${error?.message ?? 'ok'}`)
    })
  }
  answer(error: Error | null): void {
    const callback = this.asked.shift() as (...args: unknown[]) => void
    callback(error, error === null ? {} : null)
  }
}

test('connections are made a few at a time, in the order they were asked for', () => {
  const script = new Scripted()
  for (const name of ['a', 'b', 'c', 'd']) script.ask(name)
  assert.equal(script.asked.length, 2)
  script.answer(null)
  assert.deepEqual(script.told, ['a: ok'])
  assert.equal(script.asked.length, 2)
  for (let i = 0; i < 3; i++) script.answer(null)
  assert.deepEqual(script.told, ['a: ok', 'b: ok', 'c: ok', 'd: ok'])
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
