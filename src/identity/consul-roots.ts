import { z } from 'zod'
import type { ConsulLink } from '../core/consul.ts'
import { followConsul } from '../core/consul-follow.ts'
import { MeshError } from '../core/errors.ts'
import type { TrustWire } from '../core/plane-wire.ts'
import type { Clock, Random } from '../core/ports.ts'
import { alarm } from './alarm.ts'
import { readCertificate } from './certificate.ts'
import { certificatesOf, pemOf } from './pem.ts'
import { wrongTrustDomain } from './spiffe-id.ts'
import type { TrustOrigin } from './trust.ts'
import type { TrustFeed } from './trust-keeper.ts'

/** Roots begin when they are made, though leaves and cross-signed intermediates are backdated. */
interface Begun {
  readonly wire: TrustWire
  /** When the first that has not begun does, wall-clock milliseconds; undefined: all have. */
  readonly againMs: number | undefined
}

/** A blocking query that the agent answers from its cache; it needs no token. */
const PATH = '/v1/agent/connect/ca/roots'

export const CONSUL: TrustOrigin = {
  name: 'the Consul agent',
  code: 'TULLE_CONSUL',
  hint: 'What was known before stays in force. Is this the agent of another cluster, or was the cluster made anew? Then restart this process: a start believes the agent.',
}

/** As many as a bundle may have; counted before any is read, which takes a while for each. */
const MAX_ROOTS = 100

const answer = z.looseObject({
  TrustDomain: z.string(),
  Roots: z.array(z.looseObject({ RootCert: z.string() })).min(1),
})

/**
 * The answer as a trust bundle: every root that is listed, active or not, since during a rotation peers show leaves of
 * both. Intermediates are none of them: leaves bring theirs along. Throws TULLE_CONSUL.
 *
 * A root that has not begun by our clock, which may be behind, is left out while there is another: OpenSSL prefers a
 * root to a cross-signed intermediate of the same key, so that the new one would spoil what the old one vouches for.
 */
export function trustOfRoots(body: unknown, wallMs: number, address: string): Begun {
  const malformed = (why: string) => malformedAt(address, why)
  const { data, error } = answer.safeParse(body)
  if (error !== undefined) throw malformed(`${error.issues[0]?.path.join('.')}: ${error.issues[0]?.message}`)
  const wrong = wrongTrustDomain(data.TrustDomain)
  if (wrong !== undefined) throw malformed(`TrustDomain: ${wrong}`)
  const roots = data.Roots.flatMap(({ RootCert }, at) => {
    const ders = certificatesOf(RootCert)
    if (ders.length === 0) throw malformed(`Roots.${at}.RootCert: there is no PEM certificate in it`)
    return ders
  })
  if (roots.length > MAX_ROOTS)
    throw malformed(`Roots: they are ${roots.length}, and ${MAX_ROOTS} at the most are read`)
  const begun = roots.filter((der) => beginOf(der) <= wallMs)
  const later = roots.map(beginOf).filter((beginMs) => beginMs > wallMs)
  const believed = begun.length === 0 ? roots : begun
  const bundle = believed.map((der) => pemOf('CERTIFICATE', der)).join('')
  return {
    wire: { trustDomain: data.TrustDomain, bundle, denied: [] },
    againMs: believed === roots || later.length === 0 ? undefined : Math.min(...later),
  }
}

/** What cannot be read counts as begun: whoever reads the bundle refuses it. */
function beginOf(der: Uint8Array): number {
  const facts = readCertificate(der)
  return typeof facts === 'string' ? 0 : facts.notBeforeMs
}

export interface ConsulRootsOptions {
  readonly link: Pick<ConsulLink, 'send' | 'onReachable' | 'address'>
  readonly clock: Clock
  readonly wall: () => number
  readonly random: Random
}

/** Whom to believe as the agent says it. */
export function consulTrust({ link, clock, wall, random }: ConsulRootsOptions): TrustFeed {
  return ({ onWire, onConfirmed, onError }) => {
    let disarm = (): void => {}
    const take = (body: unknown): void => {
      disarm()
      const { wire, againMs } = trustOfRoots(body, wall(), link.address)
      onWire(wire)
      if (againMs !== undefined) disarm = alarm(clock, wall, againMs, () => again(body))
    }
    const again = (body: unknown): void => {
      try {
        take(body)
      } catch (error) {
        onError(error)
      }
    }
    const following = followConsul({
      link,
      clock,
      random,
      request: () => ({ method: 'GET', path: PATH }),
      onAnswer: ({ body }) => take(body),
      onUnchanged: onConfirmed,
      onError,
    })
    return {
      again: () => following.again(),
      stop: () => {
        disarm()
        following.stop()
      },
    }
  }
}

function malformedAt(address: string, why: string): MeshError {
  return new MeshError(
    'TULLE_CONSUL',
    `what the Consul agent at ${address} says about its CA's roots is malformed: ${why}`,
    {
      layer: 'identity',
    },
  )
}
