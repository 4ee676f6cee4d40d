/**
 * Registered instances of one process' share, each on a TLS connection of its own, kept open between its heartbeats as
 * a client's is: every third of the TTL, ± 10 %. Arguments: the number of the first service, services, instances of
 * each. Environment: PLANE (what `plane.ts` said). Prints `ready` when all are registered, and on SIGUSR2 a line of
 * JSON with what was answered since the last one.
 */
import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls'
import type { Plane } from '../../../src/plane.ts'
import { join, rootsOf } from '../../kit/plane-client.ts'

const [first = 0, services = 0, each = 0] = process.argv.slice(2).map(Number)
const plane = JSON.parse(process.env.PLANE ?? '{}') as Plane & { readonly token: string }
const { hostname, port, host } = new URL(plane.url)
/** Until the plane says how long its leases are. */
const TTL_MS = 10_000
const t = { after: () => {} }
const ca = rootsOf(plane)
let counted = { heartbeats: 0, refused: 0, handshakes: 0, slowestMs: 0 }

class Instance {
  readonly #name: string
  readonly #context: SecureContext
  #socket: Promise<TLSSocket> | undefined
  #answered: ((status: number) => void) | undefined

  constructor(name: string, context: SecureContext) {
    this.#name = name
    this.#context = context
  }

  #ttlMs = TTL_MS

  register(service: string, address: string): Promise<number> {
    const endpoint = {
      address,
      port: 8080,
      weight: 1,
      zone: 'a',
      version: '1',
      protocol: 'http',
      mtls: 'strict',
    }
    return this.#ask('PUT', '', JSON.stringify({ service, endpoints: [endpoint] }))
  }

  beat(): void {
    setTimeout(
      async () => {
        const started = performance.now()
        const status = await this.#ask('POST', '/heartbeat', '')
        counted.heartbeats++
        if (status !== 200) counted.refused++
        counted.slowestMs = Math.max(counted.slowestMs, performance.now() - started)
        this.beat()
      },
      (this.#ttlMs / 3) * (0.9 + 0.2 * Math.random()),
    )
  }

  async #ask(method: string, path: string, body: string): Promise<number> {
    this.#socket ??= this.#connect()
    const socket = await this.#socket
    const type = body === '' ? '' : 'content-type: application/json\r\n'
    return new Promise((resolve) => {
      this.#answered = resolve
      socket.write(
        `${method} /v1/instances/${this.#name}${path} HTTP/1.1\r\nhost: ${host}\r\naccept: application/json\r\n${type}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      )
    })
  }

  #connect(): Promise<TLSSocket> {
    counted.handshakes++
    return new Promise((resolve) => {
      const socket = connect({
        host: hostname,
        port: Number(port),
        secureContext: this.#context,
        checkServerIdentity: () => undefined,
        ALPNProtocols: ['http/1.1'],
      })
      socket.once('secureConnect', () => resolve(socket))
      // Answers are short, and come whole.
      socket.on('data', (chunk: Buffer) => {
        const [, ttl] = /"ttlMs":(\d+)/.exec(chunk.toString('latin1')) ?? []
        this.#ttlMs = Number(ttl ?? this.#ttlMs)
        this.#answered?.(Number(chunk.toString('latin1', 9, 12)))
      })
      socket.on('error', () => {})
      socket.on('close', () => {
        this.#socket = undefined
        this.#answered?.(0)
      })
    })
  }
}

const AT_ONCE = 25
for (let index = 0; index < services; index++) {
  const service = `fleet-${first + index}`
  const { cert, key } = await join(t, plane, service, plane.token)
  const context = createSecureContext({ ca, cert, key, minVersion: 'TLSv1.3' })
  for (let from = 0; from < each; from += AT_ONCE) {
    const batch = Array.from({ length: Math.min(AT_ONCE, each - from) }, async (_, offset) => {
      const number = from + offset
      const instance = new Instance(`${service}-${number}`, context)
      const status = await instance.register(service, `10.${first + index}.${number >> 8}.${number & 255}`)
      if (status !== 200) throw new Error(`${service}-${number} was answered ${status}`)
      instance.beat()
    })
    await Promise.all(batch)
  }
}
process.on('disconnect', () => process.exit())
process.on('SIGUSR2', () => {
  process.stdout.write(`counted ${JSON.stringify(counted)}\n`)
  counted = { heartbeats: 0, refused: 0, handshakes: 0, slowestMs: 0 }
})
process.stdout.write('ready\n')
