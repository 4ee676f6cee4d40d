import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { PlaneRefusal } from '../../src/core/plane.ts'
import type { AckWire } from '../../src/core/plane-wire.ts'
import { sha256Of } from '../../src/identity/bundle.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { FakePlane } from './fake-plane.ts'
import type { Cleanup } from './process.ts'

/** Answers a request in the plane's place; false: the plane answers as it should. */
export type Madness = (request: IncomingMessage, response: ServerResponse) => boolean

/** A plane over real TLS, with a plane's certificate, that certifies as it should and may otherwise go mad. */
export interface MadPlane {
  readonly fake: FakePlane
  readonly url: string
  /** Method and path without the query, in the order they came. */
  readonly asked: string[]
  readonly acks: AckWire[]
  policy: { sequence: number; documents: { name: string; text: string }[] }
  endpoints: Record<string, object[]>
  madness: Madness
  token(service: string): string
  /** Who polls is told at once. */
  changed(): void
}

export async function madPlane(t: Cleanup): Promise<MadPlane> {
  const fake = new FakePlane({ clock: systemClock, wall: Date.now })
  const svid = fake.ca.issue({ service: 'tulle-plane' }, [fake.ca.root])
  const waiting = new Set<() => void>()
  let version = 1
  const plane: MadPlane = {
    fake,
    url: '',
    asked: [],
    acks: [],
    policy: { sequence: 0, documents: [] },
    endpoints: {},
    madness: () => false,
    token(service) {
      const content = {
        urls: [plane.url],
        rootSha256: sha256Of(fake.ca.root),
        trustDomain: fake.ca.trustDomain,
        service,
      }
      return `tulle_join_${Buffer.from(JSON.stringify(content)).toString('base64url')}.c2VjcmV0`
    },
    changed() {
      version++
      for (const tell of [...waiting]) tell()
    },
  }
  const tell = (response: ServerResponse, body: unknown, status = 200): void => {
    response.writeHead(status, { 'content-type': 'application/json', etag: `"${version}"` })
    response.end(JSON.stringify(body))
  }
  const poll = async (
    request: IncomingMessage,
    response: ServerResponse,
    body: () => unknown,
  ): Promise<void> => {
    if (request.headers['if-none-match'] === `"${version}"`)
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          waiting.delete(wake)
          resolve()
        }
        waiting.add(wake)
        response.once('close', wake)
      })
    if (!response.destroyed) tell(response, body())
  }
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname, searchParams } = new URL(request.url ?? '/', plane.url)
    plane.asked.push(`${request.method} ${pathname}`)
    if (plane.madness(request, response)) return
    const body = await jsonOf(request)
    if (pathname === '/v1/svid') {
      const { body: issued } = await fake.send({ method: 'POST', path: pathname, body, auth: 'token' })
      return tell(response, issued)
    }
    if (pathname === '/v1/trust') return poll(request, response, () => fake.trust())
    if (pathname === '/v1/policy') return poll(request, response, () => plane.policy)
    if (pathname === '/v1/acks') plane.acks.push(body as AckWire)
    if (pathname === '/v1/endpoints')
      return poll(request, response, () => ({
        services: Object.fromEntries(
          searchParams.getAll('service').map((name) => [name, plane.endpoints[name] ?? []]),
        ),
        known: Object.keys(plane.endpoints),
      }))
    tell(response, { ttlMs: 10_000, version: '0', wall: Date.now(), trustDomain: fake.ca.trustDomain })
  }
  const server = createServer(
    {
      key: svid.keyPem,
      cert: svid.chainPem.join(''),
      ca: [fake.ca.rootPem],
      requestCert: true,
      rejectUnauthorized: false,
    },
    (request, response) =>
      void serve(request, response).catch((error: unknown) => {
        const status = error instanceof PlaneRefusal ? error.status : 500
        if (!response.headersSent) tell(response, { error: 'mad', message: String(error) }, status)
      }),
  )
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return Object.assign(plane, { url: `https://127.0.0.1:${port}` })
}

async function jsonOf(request: IncomingMessage): Promise<unknown> {
  let text = ''
  for await (const chunk of request) text += chunk
  return text === '' ? undefined : JSON.parse(text)
}
