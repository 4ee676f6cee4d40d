import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { test } from 'node:test'
import Fastify from 'fastify'
import type { MeshError } from '../../src/core/errors.ts'
import { served } from '../../src/server/application.ts'

const refusedFor = (app: unknown): MeshError => {
  try {
    served(app as never)
  } catch (error) {
    return error as MeshError
  }
  throw new Error('it was accepted')
}

test('what cannot be served is refused with what to do instead', () => {
  assert.match(refusedFor(Fastify()).hint, /serverFactory\(mesh\)/)
  assert.match(refusedFor(createSecureServer()).message, /https\.Server/)
  assert.match(refusedFor({}).hint, /Express app/)
  assert.equal(refusedFor(undefined).code, 'TULLE_CONFIG')
})

test('a server that already listens is refused', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, resolve))
  assert.match(refusedFor(server).message, /already listening/)
  server.close()
})

test('every listener of a lent server runs, those added later included, and their rejections come back as one', async () => {
  const server = createServer()
  const app = served(server)
  const ran: number[] = []
  server.on('request', () => ran.push(1))
  server.once('request', async () => {
    ran.push(2)
    throw new Error('late')
  })
  await assert.rejects(async () => app.request({} as never, {} as never), /late/)
  app.request({} as never, {} as never)
  assert.deepEqual(ran, [1, 2, 1])
})
