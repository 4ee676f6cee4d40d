import assert from 'node:assert/strict'
import { test } from 'node:test'
import { meshOf } from '../../src/grpc/mesh-of.ts'
import { inboundGrpc } from '../kit/grpc/inbound.ts'
import { Pricing } from '../kit/grpc/pricing.ts'
import { delay, until } from '../kit/wait.ts'

const PAYLOAD = Buffer.alloc(64 * 1024, 1)

test('a handler that reads slowly stops its caller, and loses nothing', async (t) => {
  const { client, grpc } = await inboundGrpc(t)
  let paused: any
  let read = 0
  grpc.removeService(Pricing.service)
  grpc.addService(Pricing.service, {
    upload: (call: any, done: any) => {
      paused = call
      call.on('data', () => {
        read++
        if (read === 1) call.pause()
      })
      call.on('end', () => done(null, { seen: read }))
    },
  } as never)
  let answer: any
  const call = client().upload((_error, given) => {
    answer = given
  })
  let taken = 0
  for (; taken < 2000; taken++) {
    if (call.write({ payload: PAYLOAD })) continue
    const drained = await Promise.race([
      new Promise<boolean>((resolve) => call.once('drain', () => resolve(true))),
      delay(300).then(() => false),
    ])
    // Before its handler is there the call only waits to begin.
    if (!drained && paused !== undefined) break
  }
  assert.ok(taken < 500, `${taken} messages of 64 KiB were taken from a caller whom nobody reads`)
  paused.resume()
  call.end()
  await until(() => answer, { what: 'the answer' })
  assert.equal(answer.seen, taken + 1)
  assert.ok(meshOf(paused) !== undefined)
})

test('a caller that reads slowly stops the handler', async (t) => {
  const { client, grpc } = await inboundGrpc(t)
  let written = 0
  grpc.removeService(Pricing.service)
  grpc.addService(Pricing.service, {
    watch: (call: any) => {
      const fill = (): void => {
        while (written < 2000) {
          written++
          if (!call.write({ payload: PAYLOAD })) {
            call.once('drain', fill)
            return
          }
        }
        call.end()
      }
      fill()
    },
  } as never)
  const stream = client().watch({})
  let read = 0
  await new Promise<void>((resolve) =>
    stream.once('data', () => {
      read++
      stream.pause()
      resolve()
    }),
  )
  let last = -1
  await until(
    async () => {
      const before = written
      await delay(100)
      last = written
      return written === before
    },
    { what: 'the handler to be stopped', seen: () => last },
  )
  assert.ok(written < 500, `${written} messages of 64 KiB were written to a caller who does not read`)
  stream.on('data', () => read++)
  stream.resume()
  await new Promise((resolve) => stream.once('end', resolve))
  assert.equal(read, 2000)
})
