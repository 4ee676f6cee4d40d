import { Agent, type Dispatcher } from 'undici'
import { readToken } from '../../src/core/plane-wire.ts'
import { makeCsr } from '../../src/identity/csr.ts'
import { type KeyPair, keyPem, makeKey } from '../../src/identity/keys.ts'
import { pemOf } from '../../src/identity/pem.ts'
import { spiffeIdOf } from '../../src/identity/spiffe-id.ts'
import type { Plane } from '../../src/plane.ts'
import type { Cleanup } from './process.ts'

export interface PlaneReply {
  readonly status: number
  readonly etag: string | undefined
  readonly body: any
}

export interface Ask {
  readonly method?: Dispatcher.HttpMethod
  readonly body?: unknown
  readonly token?: string | undefined
  readonly etag?: string | undefined
  /** Seconds. */
  readonly wait?: number
}

/** Somebody who talks to a plane over real TLS, with a certificate or without. */
export interface PlaneClient {
  ask(path: string, how?: Ask): Promise<PlaneReply>
  close(): Promise<void>
}

export interface Credentials {
  readonly cert: string
  readonly key: string
}

/** The roots of a plane's bundle, PEM each. */
export function rootsOf(plane: Pick<Plane, 'bundle'>): string[] {
  const { keys } = JSON.parse(plane.bundle) as { keys: { x5c: [string] }[] }
  return keys.map(({ x5c }) => pemOf('CERTIFICATE', Buffer.from(x5c[0], 'base64')))
}

export function planeClient(
  t: Cleanup,
  plane: Pick<Plane, 'url' | 'bundle'>,
  credentials?: Credentials,
  connections = 8,
): PlaneClient {
  const agent = new Agent({
    connections,
    bodyTimeout: 0,
    headersTimeout: 0,
    connect: {
      ca: rootsOf(plane),
      ...credentials,
      // The plane proves an identity, not a host name; what is tested here is the other side.
      checkServerIdentity: () => undefined,
      maxCachedSessions: 0,
    },
  })
  t.after(() => agent.destroy())
  return {
    async ask(path, { method = 'GET', body, token, etag, wait } = {}) {
      const reply = await agent.request({
        origin: plane.url,
        path,
        method,
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(etag === undefined ? {} : { 'if-none-match': etag }),
          ...(wait === undefined ? {} : { prefer: `wait=${wait}` }),
        },
        body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
      })
      const text = await reply.body.text()
      const json = String(reply.headers['content-type']).includes('json')
      return {
        status: reply.statusCode,
        etag: reply.headers.etag as string | undefined,
        body: json && text !== '' ? JSON.parse(text) : text,
      }
    },
    close: () => agent.destroy(),
  }
}

/** Joins as a service, as a process does: a key of its own, a request for a certificate, the token. */
export async function join(
  t: Cleanup,
  plane: Pick<Plane, 'url' | 'bundle' | 'trustDomain' | 'createToken'>,
  service: string,
  token = plane.createToken(service),
): Promise<Credentials & { readonly keys: KeyPair }> {
  const keys = await makeKey()
  const anonymous = planeClient(t, plane)
  const csr = makeCsr(spiffeIdOf(plane.trustDomain, readToken(token)?.dc ?? 'dc1', service), keys)
  const { status, body } = await anonymous.ask('/v1/svid', { method: 'POST', body: { csr, service }, token })
  await anonymous.close()
  if (status !== 200) throw new Error(`no SVID for ${service}: ${status} ${JSON.stringify(body)}`)
  return { cert: (body.chain as string[]).join('\n'), key: keyPem(keys), keys }
}

/** A client that is a service of the mesh. */
export async function member(
  t: Cleanup,
  plane: Plane,
  service: string,
  connections?: number,
): Promise<PlaneClient> {
  return planeClient(t, plane, await join(t, plane, service), connections)
}
