import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkLibraries } from '../../../src/cli/check/libraries.ts'

test('clients that never reach the mesh are named, with what to do about each', () => {
  const { verdict, says, hint } = checkLibraries(['axios', 'express', 'got'])
  assert.equal(verdict, 'warn')
  assert.equal(says, 'calls made with axios, got do not go through the mesh')
  assert.match(hint ?? '', /adapter: 'fetch'.*; got has no way/)
})

test('others are not, whatever they are called', () => {
  assert.equal(checkLibraries(['undici', 'toString', '__proto__']).verdict, 'pass')
})
