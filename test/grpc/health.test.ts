import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client, credentials, Server, type ServiceError, status } from '@grpc/grpc-js'
import { RUNTIME } from '../../src/core/runtime.ts'
import { GrpcHealth, HEALTH } from '../../src/grpc/health.ts'
import {
  decodeResponse,
  encodeRequest,
  NOT_SERVING,
  SERVICE_UNKNOWN,
  SERVING,
} from '../../src/grpc/health-codec.ts'
import { serve } from '../../src/grpc/server.ts'
import { inboundGrpc, listeningRuntime } from '../kit/grpc/inbound.ts'
import { closing } from '../kit/grpc/observe.ts'
import { inboundHarness } from '../kit/inbound-harness.ts'
import type { Cleanup } from '../kit/process.ts'
import { until, within } from '../kit/wait.ts'

interface Probe {
  check(service: string): Promise<number>
  watch(service: string): { seen: number[]; ended: Promise<number> }
}

function probe(t: Cleanup, port: number): Probe {
  const client = closing(t, new Client(`127.0.0.1:${port}`, credentials.createInsecure()))
  return {
    check: (service) =>
      new Promise((resolve, reject) =>
        client.makeUnaryRequest(
          HEALTH.Check!.path,
          encodeRequest,
          decodeResponse,
          { service },
          (error, answer) => (error === null ? resolve(answer!.status) : reject(error)),
        ),
      ),
    watch(service) {
      const seen: number[] = []
      const call = client.makeServerStreamRequest(HEALTH.Watch!.path, encodeRequest, decodeResponse, {
        service,
      })
      call.on('data', ({ status }) => seen.push(status))
      const ended = new Promise<number>((resolve) =>
        call.on('error', (error: ServiceError) => resolve(error.code)),
      )
      return { seen, ended }
    },
  }
}

test('Check answers for the server and for the names that were given; others are not found', async (t) => {
  const { port } = await inboundGrpc(t, { serve: { health: ['pricing.v1.Pricing'] } })
  const { check } = probe(t, port)
  assert.deepEqual([await check(''), await check('pricing.v1.Pricing')], [SERVING, SERVING])
  await assert.rejects(check('other'), { code: status.NOT_FOUND })
})

test('Watch tells the status, that a name is unknown, and the announcement of the end at once', async (t) => {
  const { port, harness, listening } = await inboundGrpc(t)
  const { watch, check } = probe(t, port)
  const server = watch('')
  const unknown = watch('other')
  await until(() => server.seen.length === 1 && unknown.seen.length === 1, { what: 'the first status' })
  ;[...harness.servers][0]!.announce()
  await until(() => server.seen.length === 2, { what: 'the second' })
  assert.deepEqual([server.seen, unknown.seen[0]], [[SERVING, NOT_SERVING], SERVICE_UNKNOWN])
  assert.equal(await check(''), NOT_SERVING)
  const started = performance.now()
  await within(listening.close({ graceMs: 20_000 }), 5000, 'the close')
  assert.ok(performance.now() - started < 3000, 'watchers do not keep a server from coming to rest')
  assert.deepEqual([await server.ended, await unknown.ended], [status.UNAVAILABLE, status.UNAVAILABLE])
})

test('a health service of the application stays, and none is added where it is not wanted', async (t) => {
  const { runtime } = listeningRuntime(inboundHarness())
  const answer = (code: number) => (_call: unknown, done: any) => done({ code, details: 'own' })
  const own = new Server()
  own.addService(HEALTH, { Check: answer(status.DATA_LOSS), Watch: () => {} } as never)
  const first = await serve({ [RUNTIME]: runtime }, own, { signals: false, host: '127.0.0.1' })
  t.after(() => first.close({ graceMs: 0 }))
  await assert.rejects(probe(t, first.port).check(''), { code: status.DATA_LOSS })
  const second = await serve({ [RUNTIME]: runtime }, new Server(), {
    signals: false,
    host: '127.0.0.1',
    health: false,
  })
  t.after(() => second.close({ graceMs: 0 }))
  await assert.rejects(probe(t, second.port).check(''), { code: status.UNIMPLEMENTED })
})

test('a server behind two listeners serves until both have said that they close', () => {
  const health = new GrpcHealth()
  const asked = (): unknown => {
    let status: unknown
    health.check({ request: { service: '' } } as never, (_error, answer) => {
      status = answer?.status
    })
    return status
  }
  const told = [asked()]
  health.opens([])
  health.opens([])
  told.push(asked())
  health.closes()
  told.push(asked())
  health.closes()
  told.push(asked())
  assert.deepEqual(told, [NOT_SERVING, SERVING, SERVING, NOT_SERVING])
})
