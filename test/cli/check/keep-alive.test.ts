import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkKeepAlive } from '../../../src/cli/check/keep-alive.ts'
import { readDocument } from '../../../src/control/document.ts'
import { nearest } from '../../../src/control/nearest.ts'
import { compile } from '../../../src/policy/compile.ts'
import { LOCAL_NAMES } from '../../../src/policy/hosts.ts'
import { createParser } from '../../../src/policy/parse.ts'
import { policyPieces } from '../../../src/stack.ts'

function check(text: string) {
  const { source } = readDocument('mesh.yaml', new TextEncoder().encode(text))
  const { document } = createParser({ pieces: policyPieces, allowedHosts: LOCAL_NAMES, nearest })(source!)
  return checkKeepAlive(compile([document!], policyPieces, { version: 'v' }).snapshot)
}

test('what is built in is below what servers keep', () => {
  assert.equal(check('version: 1\nservices: { orders: {} }').verdict, 'pass')
})

test('services whose pools outlast a server are named', () => {
  const { verdict, says } = check(
    'version: 1\nservices:\n  orders: { connect: { idleTimeout: 5s } }\n  stock: { connect: { idleTimeout: 4900ms } }\n',
  )
  assert.equal(verdict, 'warn')
  assert.match(says, /: orders \(5000 ms\)$/)
})
