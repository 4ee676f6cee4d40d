import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sendMatch } from '../../src/control/consul-match-link.ts'
import type { ConsulAnswer, ConsulRequest } from '../../src/core/consul.ts'

const answer = (body: unknown, index?: number): ConsulAnswer => ({
  status: 200,
  index,
  digest: JSON.stringify(body),
  body,
  filtered: false,
  knownLeader: true,
})
const request: ConsulRequest = {
  method: 'GET',
  path: '/match',
  query: { name: 'orders' },
  index: 7,
  waitMs: 1000,
}

function agent(...answers: ConsulAnswer[]) {
  const asked: ConsulRequest[] = []
  const send = async (given: ConsulRequest): Promise<ConsulAnswer> => {
    asked.push(given)
    return answers.shift()!
  }
  return { asked, send }
}

test('an answer that names its index is the answer', async () => {
  const link = agent(answer('a', 9))
  assert.equal((await sendMatch(link, request)).index, 9)
  assert.deepEqual(link.asked, [request])
})

test('Consul 1.8 names none: that of the list is taken, and then what holds by then', async () => {
  const link = agent(answer('a'), answer([], 9), answer('b'))
  const { index, body } = await sendMatch(link, request)
  assert.deepEqual([index, body], [9, 'b'])
  const [, list, again] = link.asked
  assert.equal(list?.path, '/v1/connect/intentions')
  assert.deepEqual([list.index, list.waitMs], [undefined, undefined])
  assert.deepEqual(again, { method: 'GET', path: '/match', query: { name: 'orders' } })
})
