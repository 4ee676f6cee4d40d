import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { connectivityState } from '@grpc/grpc-js'
import { channel, client, serve } from '../../src/grpc/index.ts'
import { TestCa } from '../kit/certificates.ts'
import { identified } from '../kit/grpc/identified.ts'
import { closing, quote } from '../kit/grpc/observe.ts'
import { Pricing } from '../kit/grpc/pricing.ts'
import { pricingGrpc, pricingServer } from '../kit/grpc/pricing-server.ts'
import { PricingService } from '../kit/grpc/pricing-service.ts'
import type { Mesh } from '../kit/setting.ts'
import { until } from '../kit/wait.ts'

const { READY, TRANSIENT_FAILURE } = connectivityState

async function served(t: TestContext, mesh: Mesh): Promise<string> {
  const listening = await serve(mesh, pricingGrpc(new PricingService()), {
    host: '127.0.0.1',
    signals: false,
  })
  t.after(() => listening.close({ graceMs: 0 }))
  return `127.0.0.1:${listening.port}`
}

/** A strict caller of `pricing`, and what its channel finds. */
async function found(t: TestContext, ca: TestCa, ...endpoints: readonly unknown[]) {
  const { mesh } = identified(t, ca, 'web', { endpoints: { pricing: endpoints } as never })
  const one = channel(mesh, 'pricing')
  t.after(() => one.close())
  one.getConnectivityState(true)
  const state = await until(
    () => {
      const now = one.getConnectivityState(false)
      return now === READY || now === TRANSIENT_FAILURE ? now : undefined
    },
    { what: 'a verdict' },
  )
  return { mesh, state }
}

test('a channel is READY when the peer has proved who it is', async (t) => {
  const ca = TestCa.create()
  const { mesh, state } = await found(t, ca, await served(t, identified(t, ca, 'pricing').mesh))
  assert.equal(state, READY)
  await quote(closing(t, client(mesh, Pricing, 'pricing')), { id: 'x' })
})

test('a peer that proves to be another one makes no channel ready, nor does one without TLS', async (t) => {
  const ca = TestCa.create()
  const other = await found(t, ca, await served(t, identified(t, ca, 'orders').mesh))
  assert.equal(other.state, TRANSIENT_FAILURE)
  const plain = await pricingServer(t)
  assert.equal((await found(t, TestCa.create(), plain.address)).state, TRANSIENT_FAILURE)
})

test('an endpoint that says it has no TLS is not connected to by who demands it; beside it another one is found', async (t) => {
  const ca = TestCa.create()
  const plain = await pricingServer(t)
  const said = { address: '127.0.0.1', port: plain.port, mtls: 'disable' }
  assert.equal((await found(t, ca, said)).state, TRANSIENT_FAILURE)
  const good = await served(t, identified(t, ca, 'pricing').mesh)
  const [address, port] = good.split(':')
  assert.equal((await found(t, ca, said, { address, port: Number(port) })).state, READY)
})
