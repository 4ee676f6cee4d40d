/** The calling process of an arm: only what its kind needs is loaded. */
import type { CallerKind } from '../arms/arm.ts'
import type { CallerQuestion, CallerSettings } from '../messages.ts'
import { answer } from '../worker.ts'
import { type Caller, closedLoop, openLoop, sampleHeap } from './drive.ts'

export type Prepare = (settings: CallerSettings) => Caller | Promise<Caller>

const KINDS: Readonly<Record<CallerKind, () => Promise<Prepare>>> = {
  socket: async () => (await import('./socket.ts')).socketCaller,
  dispatch: async () => (await import('./undici.ts')).dispatchCaller,
  'dispatch-four': async () => (await import('./undici.ts')).dispatchFourCaller,
  'undici-request': async () => (await import('./undici.ts')).requestCaller,
  fetch: async () => (await import('./fetch.ts')).fetchCaller,
  'http-request': async () => (await import('./http-request.ts')).httpRequestCaller,
  assembled: async () => (await import('./assembled.ts')).assembledCaller,
  moleculer: async () => (await import('./moleculer.ts')).moleculerCaller,
  'grpc-js': async () => (await import('./grpc.ts')).grpcCaller,
  'grpc-mesh': async () => (await import('./grpc.ts')).grpcMeshCaller,
  http2: async () => (await import('./grpc.ts')).http2Caller,
  'mesh-dispatcher': async () => (await import('./mesh.ts')).meshDispatcherCaller,
  'mesh-request': async () => (await import('./mesh.ts')).meshRequestCaller,
  'mesh-fetch': async () => (await import('./mesh.ts')).meshFetchCaller,
}

const settings = JSON.parse(process.argv[2] ?? '{}') as CallerSettings
const prepare = await KINDS[settings.kind as CallerKind]()
const caller = await prepare(settings)

answer(null, async (question: CallerQuestion) => {
  if (question.ask === 'heap') return sampleHeap(caller, question)
  if (question.ask === 'open') {
    const latenciesMs = await openLoop(caller, question)
    await caller.settle?.(latenciesMs.length)
    return { latenciesMs }
  }
  const calls = await closedLoop(caller, question)
  await caller.settle?.(calls)
  return { calls }
})
