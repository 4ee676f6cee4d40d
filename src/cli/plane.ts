import { resolve } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import { MeshError } from '../core/errors.ts'
import { DEFAULT_PORT } from '../plane/listening.ts'
import { DEFAULT_DIR } from './admin-token.ts'
import { hostsFrom } from './check-policy.ts'
import { runConsulPlane } from './consul-plane.ts'
import type { Io } from './io.ts'
import { lifetime } from './when.ts'
import type { PlaneSettings, RunningPlane, World } from './world.ts'

interface PlaneOptions {
  readonly store?: string
  readonly dir: string
  readonly port: number
  readonly host?: string
  readonly advertise?: string[]
  readonly dev?: boolean
  readonly trustDomain?: string
  readonly dc?: string
  readonly caCert?: string
  readonly caKey?: string
  readonly svidTtl?: number
  readonly admin?: string[]
  readonly hosts?: string
  readonly newAdminToken?: boolean
}

/** `tulle plane`: the small service everybody gets policy, addresses and certificates from. */
export function registerPlane(program: Command, io: Io, world: World): void {
  program
    .command('plane')
    .description('run the plane: policy, registry and certificate authority of a mesh')
    .option('--dir <path>', 'its state; made at the first start', DEFAULT_DIR)
    .option(
      '--store <consul://…>',
      'keep its state in Consul instead, consul://[host[:port]]/prefix: any number of planes serve one mesh',
    )
    .option('--port <port>', 'where it listens', port, DEFAULT_PORT)
    .option('--host <address>', 'the address it listens on; default every one, with --dev 127.0.0.1')
    .option('--advertise <names>', 'host names or addresses services reach it at, separated by commas', list)
    .option(
      '--dev',
      'for trying out: loopback, a throw-away CA, and one join token for every service, printed',
    )
    .option('--trust-domain <name>', 'the trust domain of the first start; another one per environment')
    .option('--dc <name>', 'the data centre in the SPIFFE IDs')
    .option(
      '--ca-cert <file>',
      'your own root, or an intermediate and what is above it, the root last, in PEM',
    )
    .option('--ca-key <file>', 'the key of its first certificate, in PEM, not encrypted: P-256, P-384 or RSA')
    .option('--svid-ttl <duration>', 'how long a certificate is good for; default 24h', lifetime)
    .option('--admin <services>', 'services whose certificate is good for what the admin token is', list)
    .option('--hosts <patterns>', 'host names that hosts: of a policy may claim, as in TULLE_POLICY_HOSTS')
    .option('--new-admin-token', 'make a new admin token; the old one is good for nothing from then on')
    .addHelpText(
      'after',
      '\nExamples:\n  tulle plane --dev\n  tulle plane --dir /var/lib/tulle --advertise plane.internal --trust-domain prod.example.com\n  tulle plane --ca-cert intermediate.pem --ca-key intermediate-key.pem\n  tulle plane --store consul:///tulle --advertise plane-1.internal,plane-2.internal\n\nWith --store the agent is spoken to as the consul command does (CONSUL_HTTP_ADDR, CONSUL_HTTP_TOKEN, …), certificates\ncome from Connect and addresses from the catalog; --dir is optional then, for the admin token and the audit log.\n',
    )
    .action(async (options: PlaneOptions, command: Command) => {
      const { store } = options
      if (store !== undefined) {
        const dir = command.getOptionValueSource('dir') === 'cli' ? options.dir : undefined
        await runConsulPlane({ ...options, store, dir }, io, world)
        return
      }
      const plane = await world.startPlane(settings(options, world))
      try {
        // One write: who waits for the first line has the others too.
        io.out(await greeting(plane, options.dev === true))
        io.err(`${await world.stopped()}: the plane is closing\n`)
      } finally {
        await plane.close()
      }
    })
}

async function greeting(plane: RunningPlane, dev: boolean): Promise<string> {
  const lines = [`the plane listens on ${plane.url}, its state is in ${plane.dir}`]
  if (plane.adminToken !== undefined) lines.push(`the admin token is in ${plane.adminTokenFile}`)
  if (dev && plane.adminToken !== undefined) lines.push(`TULLE_ADMIN_TOKEN=${plane.adminToken}`)
  if (dev) lines.push(`TULLE_JOIN_TOKEN=${await plane.devToken()}`)
  return `${lines.join('\n')}\n`
}

function settings(options: PlaneOptions, { env, cwd }: World): PlaneSettings {
  const { caCert, caKey, dev = false } = options
  if ((caCert === undefined) !== (caKey === undefined))
    throw new MeshError('TULLE_CONFIG', '--ca-cert and --ca-key belong together', {
      layer: 'cli',
      hint: 'Give both, or neither: then the plane makes a root of its own.',
    })
  return {
    dir: resolve(cwd, options.dir),
    port: options.port,
    host: options.host ?? (dev ? '127.0.0.1' : undefined),
    dev,
    advertise: options.advertise,
    trustDomain: options.trustDomain,
    dc: options.dc,
    caCertFile: caCert && resolve(cwd, caCert),
    caKeyFile: caKey && resolve(cwd, caKey),
    svidTtlMs: options.svidTtl,
    admins: options.admin ?? [],
    policyHosts: hostsFrom(options.hosts, env.TULLE_POLICY_HOSTS),
    newAdminToken: options.newAdminToken === true,
  }
}

function port(text: string): number {
  const number = /^\d{1,5}$/.test(text) ? Number(text) : -1
  if (number < 0 || number > 65_535) throw new InvalidArgumentError('expected a port, 0 to 65535.')
  return number
}

function list(text: string): string[] {
  const items = text.split(',').map((item) => item.trim())
  if (items.includes('')) throw new InvalidArgumentError('expected a list separated by commas.')
  return items
}
