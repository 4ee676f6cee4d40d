import assert from 'node:assert/strict'
import { test } from 'node:test'
import { placeOf, readConsulPlace } from '../../../src/plane/consul/place.ts'

test('a place says the agent, or leaves it to its variables, and what keys begin with', () => {
  const read = (text: string) => ({ ...readConsulPlace(text) })
  assert.deepEqual(read('consul:///tulle'), { address: undefined, prefix: 'tulle' })
  assert.deepEqual(read('consul://10.0.0.1/mesh/prod/'), { address: '10.0.0.1', prefix: 'mesh/prod' })
  assert.deepEqual(read('consul://[::1]:8500/tulle'), { address: '[::1]:8500', prefix: 'tulle' })
  assert.deepEqual(read('consul+https://consul.internal:8501/tulle'), {
    address: 'https://consul.internal:8501',
    prefix: 'tulle',
  })
})

test('it is shown as it is written, with the agent that was found', () => {
  assert.equal(placeOf('http://127.0.0.1:8500', 'tulle'), 'consul://127.0.0.1:8500/tulle')
  assert.equal(placeOf('https://consul:8501', 'a/b'), 'consul+https://consul:8501/a/b')
  assert.equal(placeOf('unix:///run/consul.sock', 'tulle'), 'consul://unix:///run/consul.sock/tulle')
})

test('what does not belong into a place is refused, and a secret in it is not repeated', () => {
  for (const bad of ['consul://root:hush@127.0.0.1/tulle', 'consul://127.0.0.1/tulle?token=hush'])
    assert.throws(
      () => readConsulPlace(bad),
      ({ message }: Error) => /the store of the plane is/.test(message) && !message.includes('hush'),
    )
})
