import { resolve } from 'node:path'
import { readConfig } from '../config.ts'
import { agentOf } from '../control/agent-of.ts'
import { MeshError } from '../core/errors.ts'
import { PLANE_SERVICE } from '../plane/access/service-name.ts'
import { hostsFrom } from './check-policy.ts'
import type { Io } from './io.ts'
import type { ConsulPlaneSettings, Env, RunningConsulPlane, World } from './world.ts'

/** What was asked of `tulle plane --store consul://…`. */
export interface ConsulPlaneRequest {
  readonly store: string
  /** Only where it was said. */
  readonly dir: string | undefined
  readonly port: number
  readonly host?: string
  readonly advertise?: string[]
  readonly admin?: string[]
  readonly hosts?: string
  readonly newAdminToken?: boolean
  readonly [option: string]: unknown
}

/** Options about what Connect does there, and whose word it is instead. */
const CONNECTS: Readonly<Record<string, string>> = {
  dev: '--dev is a plane of its own',
  trustDomain: '--trust-domain: the trust domain is that of Consul',
  dc: '--dc: the datacenter is that of the Consul agent',
  caCert: '--ca-cert: certificates come from Connect (`consul connect ca set-config`)',
  caKey: '--ca-key: certificates come from Connect (`consul connect ca set-config`)',
  svidTtl: '--svid-ttl: Connect says how long its certificates live (LeafCertTTL)',
}

/** Runs a plane that keeps its state in Consul until it is asked to end. */
export async function runConsulPlane(request: ConsulPlaneRequest, io: Io, world: World): Promise<void> {
  for (const [option, why] of Object.entries(CONNECTS))
    if (request[option] !== undefined)
      throw new MeshError('TULLE_CONFIG', `with --store consul:// there is no ${why}`, {
        layer: 'cli',
        hint: 'Leave it out, or leave out --store: then the plane has a CA of its own, in --dir.',
      })
  const plane = await world.startConsulPlane(settings(request, world))
  try {
    io.out(greeting(plane))
    io.err(`${await world.stopped()}: the plane is closing\n`)
  } finally {
    await plane.close()
  }
}

function greeting({ url, store, adminToken, adminTokenFile, adminTokenShown }: RunningConsulPlane): string {
  const lines = [`the plane listens on ${url}, its state is in ${store}`]
  if (adminTokenFile !== undefined) lines.push(`the admin token is in ${adminTokenFile}`)
  // There is nowhere else to put it, and it is made once for all replicas.
  else if (adminToken !== undefined)
    lines.push('the admin token, shown this once:', `TULLE_ADMIN_TOKEN=${adminToken}`)
  else lines.push(`the admin token was shown before: ${adminTokenShown ?? 'where it was made'}`)
  return `${lines.join('\n')}\n`
}

function settings(request: ConsulPlaneRequest, { env, cwd }: World): ConsulPlaneSettings {
  const { store, dir, port, host, advertise, admin = [], hosts, newAdminToken = false } = request
  return {
    store,
    agent: agentOf(readConfig({ service: PLANE_SERVICE, env: theirsIn(env) })),
    dir: dir === undefined ? undefined : resolve(cwd, dir),
    port,
    host,
    advertise,
    admins: admin,
    policyHosts: hostsFrom(hosts, env.TULLE_POLICY_HOSTS),
    newAdminToken,
  }
}

/** The variables of Consul's own tools: those of a service say nothing about a plane. */
function theirsIn(env: Env): Env {
  return Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith('CONSUL_')))
}
