import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { z } from 'zod'
import { type ConsulAnswer, type ConsulLink, ConsulRefusal, type ConsulRequest } from '../core/consul.ts'
import { MeshError } from '../core/errors.ts'
import { certificatesOf } from './pem.ts'
import type { Credentials } from './source.ts'

/** What is kept and sent of a chain; Consul's have one to three. */
const MAX_CHAIN = 8
/** What is looked at of a list that grows with every rotation, its newest end. */
const MAX_LISTED = 64

const answer = z.looseObject({
  CertPEM: z.string(),
  PrivateKeyPEM: z.string(),
  ServiceURI: z.string(),
  Service: z.string().optional(),
})

/** As the agent gives it: the key was made there, and is shared by all processes of the service that ask this agent. */
export interface ConsulLeaf extends Credentials {
  /** The SPIFFE ID that the agent says it is for. */
  readonly uri: string
}

/** A blocking query, answered when the agent has another one: near the end of this one, or after a change of the CA. */
export function leafRequest(service: string): ConsulRequest {
  return { method: 'GET', path: `/v1/agent/connect/ca/leaf/${encodeURIComponent(service)}` }
}

/** Once, without blocking. Rejects with TULLE_CONSUL in the words of `leafError`. */
export async function askLeaf(
  link: Pick<ConsulLink, 'send'>,
  service: string,
  signal: AbortSignal,
): Promise<ConsulAnswer> {
  try {
    return await link.send(leafRequest(service), signal)
  } catch (error) {
    throw leafError(error, service)
  }
}

/** Not yet judged. Throws TULLE_CONSUL for what is no certificate with its key. */
export function readLeaf(body: unknown, service: string, address: string): ConsulLeaf {
  const malformed = (why: string) => malformedAt(address, why)
  const { data, error } = answer.safeParse(body)
  if (error !== undefined) throw malformed(`${error.issues[0]?.path.join('.')}: ${error.issues[0]?.message}`)
  if (data.Service !== undefined && data.Service !== service)
    throw malformed(`it is for the service ${JSON.stringify(data.Service)}, and this is "${service}"`)
  const chain = certificatesOf(data.CertPEM)
  if (chain.length === 0) throw malformed('CertPEM: there is no PEM certificate in it')
  return { chain: inOrder(chain), key: keyOf(data.PrivateKeyPEM, malformed), uri: data.ServiceURI }
}

function keyOf(pem: string, malformed: (why: string) => MeshError): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch {
    throw malformed('PrivateKeyPEM: it is no private key')
  }
}

/**
 * Each certificate behind the one it issued (RFC 8446, 4.4.2), what issued none of them last: in a secondary datacenter
 * Consul appends every new intermediate behind the older ones, and signs with the last. Some stand there twice.
 */
function inOrder([leaf, ...rest]: readonly Uint8Array[]): Uint8Array[] {
  const newest = rest.slice(-MAX_LISTED)
  const once = newest.filter(
    (der, at) => newest.findIndex((other) => Buffer.compare(other, der) === 0) === at,
  )
  const waiting = once.map((der) => ({ der, certificate: opened(der) }))
  const ordered = [leaf!]
  for (let below = opened(leaf!); below !== undefined; ) {
    const issued = below
    const at = waiting.findIndex(
      ({ certificate }) => certificate !== undefined && issued.checkIssued(certificate),
    )
    const [above] = at < 0 ? [] : waiting.splice(at, 1)
    if (above !== undefined) ordered.push(above.der)
    below = above?.certificate
  }
  return [...ordered, ...waiting.map(({ der }) => der)].slice(0, MAX_CHAIN)
}

function opened(der: Uint8Array): X509Certificate | undefined {
  try {
    return new X509Certificate(der)
  } catch {
    return undefined
  }
}

/** What an error of the leaf's query means for people: the agent itself says no more than "Permission denied". */
export function leafError(error: unknown, service: string): unknown {
  if (!(error instanceof ConsulRefusal)) return error
  const { status, words, message } = error
  if (isUnknownToken(error))
    return new ConsulRefusal(status, words, `${message}; Consul does not know this ACL token`, error.hint)
  if (status === 403)
    return new ConsulRefusal(
      status,
      words,
      `${message}; a certificate for "${service}" takes a token with the rule service "${service}" { policy = "write" }`,
      'Set CONSUL_HTTP_TOKEN or CONSUL_HTTP_TOKEN_FILE to a token that has this rule.',
    )
  if (/Connect must be enabled/i.test(words))
    return new ConsulRefusal(
      status,
      words,
      message,
      'Put connect { enabled = true } into the configuration of Consul’s servers and agents.',
    )
  return error
}

/** Whether asking again may help: nobody there, no leader, too much asked at once, a token not yet known everywhere. */
export function mayPass(error: unknown): boolean {
  if (!(error instanceof ConsulRefusal)) return true
  const { status, words } = error
  if (status === 403) return isUnknownToken(error)
  return status === 429 || (status >= 500 && !/Connect must be enabled/i.test(words))
}

/** No right of a known token: one that is not known, or not known everywhere yet. */
function isUnknownToken({ status, words }: ConsulRefusal): boolean {
  return status === 403 && /not found/i.test(words)
}

function malformedAt(address: string, why: string): MeshError {
  const message = `the certificate for us of the Consul agent at ${address} is malformed: ${why}`
  return new MeshError('TULLE_CONSUL', message, { layer: 'identity' })
}
