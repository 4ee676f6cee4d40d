import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Turnstile, type Waiter } from '../../src/resilience/turnstile.ts'

class Person implements Waiter {
  ahead: Waiter | undefined
  behind: Waiter | undefined
  readonly name: number
  readonly #in: number[]

  constructor(name: number, inside: number[]) {
    this.name = name
    this.#in = inside
  }

  admit(): void {
    this.#in.push(this.name)
  }
}

test('a turnstile does what an array of waiters and a counter would', () => {
  const step = fc.record({ do: fc.constantFrom('come', 'leave', 'quit', 'adopt'), n: fc.nat({ max: 6 }) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
      const turnstile = new Turnstile()
      let bounds = { inFlight: 2, queue: 3 }
      turnstile.begin(bounds)
      const admitted: number[] = []
      let line: Person[] = []
      const expected: number[] = []
      let inside = 0
      const letIn = (): void => {
        while (line.length > 0 && inside < bounds.inFlight) {
          expected.push((line.shift() as Person).name)
          inside++
        }
      }
      steps.forEach((step, name) => {
        if (step.do === 'come') {
          const free = line.length === 0 && inside < bounds.inFlight
          assert.equal(turnstile.enter(), free)
          if (free) inside++
          else {
            assert.equal(turnstile.full, line.length >= bounds.queue)
            if (!turnstile.full) {
              const person = new Person(name, admitted)
              turnstile.join(person)
              line.push(person)
            }
          }
        } else if (step.do === 'leave' && inside > 0) {
          inside--
          turnstile.leave()
          letIn()
        } else if (step.do === 'quit' && line.length > 0) {
          const person = line[step.n % line.length] as Person
          turnstile.quit(person)
          line = line.filter((other) => other !== person)
        } else if (step.do === 'adopt') {
          bounds = { inFlight: 1 + step.n, queue: step.n }
          turnstile.adopt(bounds)
          letIn()
        }
        assert.deepEqual([turnstile.inside, turnstile.waiting], [inside, line.length])
        assert.deepEqual(admitted, expected)
      })
    }),
  )
})
