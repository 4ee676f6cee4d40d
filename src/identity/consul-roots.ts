import { z } from 'zod'
import type { ConsulLink } from '../core/consul.ts'
import { followConsul } from '../core/consul-follow.ts'
import { MeshError } from '../core/errors.ts'
import type { TrustWire } from '../core/plane-wire.ts'
import type { Clock, Random } from '../core/ports.ts'
import { certificatesOf, pemOf } from './pem.ts'
import { wrongTrustDomain } from './spiffe-id.ts'
import type { TrustOrigin } from './trust.ts'
import type { TrustFeed } from './trust-keeper.ts'

/** A blocking query that the agent answers from its cache; it needs no token. */
const PATH = '/v1/agent/connect/ca/roots'

export const CONSUL: TrustOrigin = {
  name: 'the Consul agent',
  code: 'TULLE_CONSUL',
  hint: 'What was known before stays in force. Is this the agent of another cluster, or was the cluster made anew? Then restart this process: a start believes the agent.',
}

const answer = z.looseObject({
  TrustDomain: z.string(),
  Roots: z.array(z.looseObject({ RootCert: z.string() })).min(1),
})

/**
 * The answer as a trust bundle: every root that is listed, active or not, since during a rotation peers show leaves of
 * both. Intermediates are none of them: leaves bring theirs along. Throws TULLE_CONSUL.
 */
export function trustOfRoots(body: unknown): TrustWire {
  const { data, error } = answer.safeParse(body)
  if (error !== undefined) throw malformed(`${error.issues[0]?.path.join('.')}: ${error.issues[0]?.message}`)
  const wrong = wrongTrustDomain(data.TrustDomain)
  if (wrong !== undefined) throw malformed(`TrustDomain: ${wrong}`)
  const roots = data.Roots.flatMap(({ RootCert }, at) => {
    const ders = certificatesOf(RootCert)
    if (ders.length === 0) throw malformed(`Roots.${at}.RootCert: there is no PEM certificate in it`)
    return ders
  })
  const bundle = roots.map((der) => pemOf('CERTIFICATE', der)).join('')
  return { trustDomain: data.TrustDomain, bundle, denied: [] }
}

export interface ConsulRootsOptions {
  readonly link: Pick<ConsulLink, 'send' | 'onReachable'>
  readonly clock: Clock
  readonly random: Random
}

/** Whom to believe as the agent says it. */
export function consulTrust({ link, clock, random }: ConsulRootsOptions): TrustFeed {
  return ({ onWire, onConfirmed, onError }) =>
    followConsul({
      link,
      clock,
      random,
      request: () => ({ method: 'GET', path: PATH }),
      onAnswer: ({ body }) => onWire(trustOfRoots(body)),
      onUnchanged: onConfirmed,
      onError,
    })
}

function malformed(why: string): MeshError {
  return new MeshError(
    'TULLE_CONSUL',
    `what the Consul agent says about its CA's roots is malformed: ${why}`,
    {
      layer: 'identity',
    },
  )
}
