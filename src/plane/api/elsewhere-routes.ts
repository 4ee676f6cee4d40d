import type { FastifyInstance } from 'fastify'
import { Refusal } from '../refusal.ts'
import type { Allow } from './guard.ts'

const IDENTITY = [
  'certificates come from Connect, and there are no join tokens',
  'Services get theirs from the Consul agent: TULLE_DISCOVERY=consul.',
] as const
const BANS = [
  'nobody is banned here',
  'Deny the service in Consul: `consul intention create -deny <service> "*"`.',
] as const
const CA = ["the CA is Connect's", 'See `consul connect ca`; it rotates its root by itself.'] as const
const REGISTRY = [
  'Consul knows who is where, and who is healthy',
  'Services register with the Consul agent: TULLE_DISCOVERY=consul. `consul catalog services` lists them.',
] as const

/** Who may ask is decided as where the route does something: a stranger learns nothing here either. */
const ROUTES: readonly (readonly [
  'GET' | 'PUT' | 'POST' | 'DELETE',
  string,
  Allow,
  readonly [string, string],
])[] = [
  ['GET', '/v1/trust', 'anyone', IDENTITY],
  ['POST', '/v1/svid', 'joining', IDENTITY],
  ['POST', '/v1/tokens', 'admin', IDENTITY],
  ['GET', '/v1/tokens', 'admin', IDENTITY],
  ['DELETE', '/v1/tokens/:id', 'admin', IDENTITY],
  ['GET', '/v1/bans', 'admin', BANS],
  ['PUT', '/v1/bans/:service', 'admin', BANS],
  ['DELETE', '/v1/bans/:service', 'admin', BANS],
  ['GET', '/v1/ca', 'admin', CA],
  ['POST', '/v1/ca/rotate', 'admin', CA],
  ['POST', '/v1/ca/retire', 'admin', CA],
  ['PUT', '/v1/instances/:instance', 'service', REGISTRY],
  ['POST', '/v1/instances/:instance/heartbeat', 'service', REGISTRY],
  ['DELETE', '/v1/instances/:instance', 'member', REGISTRY],
  ['GET', '/v1/endpoints', 'member', REGISTRY],
  ['GET', '/v1/services', 'admin', REGISTRY],
]

/** What a plane that keeps its state in Consul leaves to Consul: each says so, and what to do instead. */
export function elsewhereRoutes(app: FastifyInstance): void {
  for (const [method, url, allow, [what, hint]] of ROUTES)
    app.route({
      method,
      url,
      config: { allow },
      handler: async () => {
        throw elsewhere(what, hint)
      },
    })
}

export function elsewhere(what: string, hint: string): Refusal {
  return new Refusal('elsewhere', `this plane keeps its state in Consul: ${what}`, { hint })
}

/** For the door: a join token is none here. */
export function noJoinTokens(): never {
  throw elsewhere(...IDENTITY)
}
