/** The answering process of an arm. */
import type { UpstreamKind } from '../arms/arm.ts'
import type { StateAnswer, UpstreamQuestion, UpstreamSettings } from '../messages.ts'
import { answer, stayAwake } from '../worker.ts'

/** Counts as it answers. */
export class Tally implements StateAnswer {
  connections = 0
  requests = 0
  traced = 0
}

/** Listens, and tells where. */
export type Listen = (settings: UpstreamSettings, tally: Tally) => Promise<number[]>

const KINDS: Readonly<Record<UpstreamKind, () => Promise<Listen>>> = {
  socket: async () => (await import('./socket.ts')).listenSocket,
  http: async () => (await import('./http.ts')).listenHttp,
  mesh: async () => (await import('./http.ts')).listenMesh,
  express: async () => (await import('./frameworks.ts')).listenExpress,
  'express-mesh': async () => (await import('./frameworks.ts')).listenExpressMesh,
  fastify: async () => (await import('./frameworks.ts')).listenFastify,
  'fastify-mesh': async () => (await import('./frameworks.ts')).listenFastifyMesh,
  http2: async () => (await import('./grpc.ts')).listenHttp2,
  'grpc-js': async () => (await import('./grpc.ts')).listenGrpc,
  'grpc-mesh': async () => (await import('./grpc.ts')).listenGrpcMesh,
  moleculer: async () => (await import('./moleculer.ts')).listenMoleculer,
}

const settings = JSON.parse(process.argv[2] ?? '{}') as UpstreamSettings
const tally = new Tally()
const listen = await KINDS[settings.kind as UpstreamKind]()
const ports = await listen(settings, tally)
answer(ports, (question: UpstreamQuestion): StateAnswer => {
  if (question.ask === 'awake') stayAwake(question.on)
  return { connections: tally.connections, requests: tally.requests, traced: tally.traced }
})
