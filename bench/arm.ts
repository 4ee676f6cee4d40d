/**
 * One arm of `overhead.ts` in a fresh process: a closed loop at a fixed concurrency, CPU time per call by window.
 * Arguments: arm name, port of the upstream, concurrency, windows, milliseconds of a window, milliseconds of warm-up, and
 * the folder of the certificates.
 */
import { Agent, type Dispatcher, Pool } from 'undici'
import { createMesh } from '../src/index.ts'
import { meshEnvironment, tlsOptions } from './certificates.ts'

const [
  arm = '',
  port = '',
  concurrency = '16',
  windows = '4',
  windowMs = '1000',
  warmupMs = '2500',
  certificates = '',
] = process.argv.slice(2)
const origin = `http://127.0.0.1:${port}`
const POLICY = {
  version: 1 as const,
  services: { orders: { timeout: '5s', breaker: {}, retry: { limit: 2 } } },
}

/** A handler that does what every consumer must and nothing more: counts the bytes and knows the end. */
class Sink implements Dispatcher.DispatchHandler {
  #bytes = 0
  #status = 0
  readonly #done: (error: Error | undefined) => void
  constructor(done: (error: Error | undefined) => void) {
    this.#done = done
  }
  onRequestStart(): void {}
  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    this.#status = status
  }
  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length
  }
  onResponseEnd(): void {
    const right = this.#status === 200 && this.#bytes === 1024
    this.#done(right ? undefined : new Error(`status ${this.#status}, ${this.#bytes} bytes`))
  }
  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#done(error)
  }
}

type Once = (done: (error: Error | undefined) => void) => void
const viaDispatcher =
  (dispatcher: Dispatcher, to: string): Once =>
  (done) => {
    dispatcher.dispatch({ origin: to, path: '/v1/items', method: 'GET' }, new Sink(done))
  }
const viaFetch =
  (fetch: (url: string) => Promise<Response>, url: string): Once =>
  (done) => {
    fetch(url)
      .then((res) => res.arrayBuffer())
      .then(
        (body) => done(body.byteLength === 1024 ? undefined : new Error(`${body.byteLength} bytes`)),
        done,
      )
  }

async function prepare(): Promise<Once> {
  if (arm === 'pool') return viaDispatcher(new Pool(origin, { pipelining: 1 }), origin)
  if (arm === 'agent') return viaDispatcher(new Agent({ pipelining: 1 }), origin)
  if (arm === 'pool-tls') {
    const to = `https://127.0.0.1:${port}`
    const connect = { ...tlsOptions(certificates, 'bench'), maxCachedSessions: 0 }
    return viaDispatcher(new Pool(to, { pipelining: 1, connect }), to)
  }
  if (arm === 'fetch') return viaFetch(fetch, `${origin}/v1/items`)
  const mesh = createMesh({
    service: 'bench',
    endpoints: { orders: new URL(origin).host },
    policy: POLICY,
    env: arm === 'mesh-mtls' ? meshEnvironment(certificates, 'bench') : {},
  })
  await mesh.start()
  if (arm === 'mesh' || arm === 'mesh-mtls')
    return viaDispatcher(mesh.dispatcher as unknown as Dispatcher, 'http://orders.mesh')
  if (arm === 'mesh-fetch') return viaFetch((url) => mesh.fetch(url), 'http://orders.mesh/v1/items')
  throw new Error(`no such arm: ${arm}`)
}

const once = await prepare()
let calls = 0
let stopped = false
const loop = (): void => {
  if (stopped) return
  once((error) => {
    if (error !== undefined) {
      process.stderr.write(`${arm}: ${error.stack}\n`)
      process.exit(1)
    }
    calls++
    loop()
  })
}
for (let i = 0; i < Number(concurrency); i++) loop()

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
await sleep(Number(warmupMs))
const perCall: number[] = []
for (let i = 0; i < Number(windows); i++) {
  const before = { cpu: process.cpuUsage(), calls }
  await sleep(Number(windowMs))
  const { user, system } = process.cpuUsage(before.cpu)
  perCall.push((user + system) / (calls - before.calls))
}
stopped = true
process.stdout.write(JSON.stringify({ arm, perCall }))
process.exit(0)
