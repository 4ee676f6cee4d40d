import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Server, ServerCredentials, status } from '@grpc/grpc-js'
import { client, statusOf } from '../../src/grpc/index.ts'
import { createMesh } from '../../src/index.ts'
import { closing, observe } from '../kit/grpc/observe.ts'
import { Pricing } from '../kit/grpc/pricing.ts'
import { rawGrpcServer, trailersOnly } from '../kit/grpc/raw-server.ts'
import type { Cleanup } from '../kit/process.ts'

function meshTo(t: Cleanup, endpoints: Record<string, string[]>) {
  const mesh = createMesh({ service: 'web', log: 'silent', env: {}, endpoints })
  t.after(() => mesh.close())
  return mesh
}

for (const [how, passOn] of [
  ['as it is', (error: unknown) => error],
  ['by statusOf', statusOf],
] as const)
  test(`FAULTS 58: a server outside the mesh that passes a refusal of ours on ${how} has seen its call, which is not sent again`, async (t) => {
    const draining = await rawGrpcServer(t, (call) =>
      trailersOnly(call, status.UNAVAILABLE, { 'x-tulle-refused': 'TULLE_DRAINING', 'x-kept': 'yes' }),
    )
    const behind = closing(t, client(meshTo(t, { pricing: [draining.address] }), Pricing, 'pricing'))
    let executed = 0
    const addresses = await Promise.all(
      [1, 2].map(async () => {
        const plain = new Server()
        t.after(() => plain.forceShutdown())
        plain.addService(Pricing.service, {
          quote: (_call: unknown, done: (error: unknown) => void) => {
            executed++
            behind.quote({}, (error) => done(passOn(error)))
          },
        } as never)
        const port = await new Promise<number>((resolve, reject) => {
          const bound = (error: Error | null, port: number): void => (error ? reject(error) : resolve(port))
          plain.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), bound)
        })
        return `127.0.0.1:${port}`
      }),
    )
    const pricing = closing(t, client(meshTo(t, { front: addresses }), Pricing, 'front'))
    const { error } = await observe(pricing, 'quote')
    assert.equal(error?.code, status.UNAVAILABLE)
    assert.deepEqual([executed, error.metadata['x-kept']], [1, ['yes']])
  })
