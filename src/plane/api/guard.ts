import type { TLSSocket } from 'node:tls'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Caller } from '../access/caller.ts'
import type { Door } from '../access/door.ts'
import type { Audit, AuditEntry } from '../audit.ts'
import { Refusal } from '../refusal.ts'
import type { Peers } from './peer.ts'

/**
 * Who may use a route. `anyone`: nothing is asked. `joining`: a join token or an SVID. `member`: an SVID, or an
 * administrator. `service`: an SVID. `admin`: the admin token or the SVID of an admin service.
 */
export type Allow = 'anyone' | 'joining' | 'member' | 'service' | 'admin'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Undefined: `admin`, so that a route whose author forgot it is closed. */
    allow?: Allow
    /** `mutation`: written down, durably, before it is answered. `quiet`: not even that something is not known. */
    audit?: 'mutation' | 'quiet'
  }
  interface FastifyRequest {
    caller: Caller
    /** For the audit log: what it was about. Never a secret. */
    detail: string | undefined
  }
}

export interface GuardOptions {
  readonly door: Door
  readonly peers: Peers
  readonly audit: Audit
  readonly wall: () => number
}

/** Asks everybody who they are before anything of their request is read, and writes down what they did. */
export function guard(app: FastifyInstance, { door, peers, audit, wall }: GuardOptions): void {
  app.decorateRequest('caller', null as never)
  app.decorateRequest('detail', undefined)
  app.addHook('onRequest', async (request) => {
    const allow = request.routeOptions.config.allow ?? 'admin'
    request.caller = { kind: 'anonymous' }
    if (allow === 'anyone' || request.is404) return
    request.caller = door.authenticate({
      bearer: bearerOf(request.headers.authorization),
      peerId: peers.of(request.raw.socket as TLSSocket)?.id,
      from: request.ip,
    })
    demand(allow, request.caller)
  })
  const written = new WeakSet<FastifyRequest>()
  app.addHook('onSend', async (request, reply) => {
    const { audit: how } = request.routeOptions.config
    const { statusCode } = reply
    const refused = statusCode >= 400
    if (written.has(request) || (!refused && how !== 'mutation') || (how === 'quiet' && statusCode === 404))
      return
    written.add(request)
    const entry = entryOf(request, statusCode, wall())
    if (refused) audit.note(entry)
    else await audit.append(entry)
  })
}

/** The service of a caller that has proved one. @throws Refusal */
export function serviceOf(caller: Caller): string {
  if ((caller.kind === 'service' || caller.kind === 'admin') && caller.service !== undefined)
    return caller.service
  throw new Refusal('forbidden', 'this is for services, which prove themselves by their certificate')
}

function demand(allow: Allow, caller: Caller): void {
  const { kind } = caller
  if (kind === 'anonymous')
    throw new Refusal('unauthenticated', 'neither a token nor a certificate was shown', {
      hint: HINTS[allow],
    })
  const may =
    kind === 'admin'
      ? allow === 'admin' || allow === 'member' || caller.service !== undefined
      : kind === 'service'
        ? allow !== 'admin'
        : allow === 'joining'
  if (!may) throw new Refusal('forbidden', WHO[allow], { hint: HINTS[allow] })
}

const WHO: Readonly<Record<Allow, string>> = {
  anyone: '',
  joining: 'this is for services that join, not for administrators',
  member: 'a join token is good for the first certificate only',
  service: 'this is for services, which prove themselves by their certificate',
  admin: 'this is for administrators',
}
const HINTS: Readonly<Record<Allow, string>> = {
  anyone: '',
  joining: 'Use a join token (`tulle token create <service>`).',
  member: 'Use the certificate the plane has issued.',
  service: 'Use the certificate the plane has issued.',
  admin: 'Use the admin token, or the certificate of a service that was named an admin.',
}

function bearerOf(authorization: string | undefined): string | undefined {
  if (authorization === undefined) return undefined
  return /^Bearer +(\S+)$/i.exec(authorization)?.[1] ?? ''
}

function entryOf(request: FastifyRequest, status: number, time: number): AuditEntry {
  const { caller, ip, detail } = request
  return {
    time,
    caller: nameOf(caller),
    from: ip,
    route: routeOf(request),
    status,
    ...(detail === undefined ? {} : { detail: detail.slice(0, 1000) }),
  }
}

/** Method and path, without the query, and short. */
export function routeOf({ method, url }: FastifyRequest): string {
  const [path = ''] = url.split('?', 1)
  return `${method} ${path.slice(0, 300)}`
}

export function nameOf(caller: Caller): string {
  if (caller.kind === 'join') return `join:${caller.tokenId}`
  if (caller.kind === 'anonymous') return 'anonymous'
  return caller.id ?? 'admin'
}
