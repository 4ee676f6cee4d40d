import { existsSync, readFileSync } from 'node:fs'
import type { Exit } from '../process.ts'
import { until } from '../wait.ts'
import { Child } from './child.ts'
import { freePorts } from './ports.ts'
import { type Agent, consul } from './running-agent.ts'

export interface ProxyOptions {
  /** The service it speaks for; needs no registration. */
  readonly service?: string
  /** Or the id of a service registered with a sidecar: all else is read from that registration. */
  readonly sidecarFor?: string
  /** Local ports by the service they lead to; 0: any free one. */
  readonly upstreams?: Readonly<Record<string, number>>
  /** The application behind the proxy, `host:port`: it accepts connections for it. */
  readonly serviceAddress?: string
  /** Where it accepts them on 127.0.0.1; default any free port. */
  readonly listen?: number
  /** Registers itself with the agent, so that health/connect finds it. Its health is not checked. */
  readonly register?: boolean
  /** Default the agent's own. */
  readonly token?: string
  readonly logLevel?: 'trace' | 'debug' | 'info' | 'warn' | 'error'
  /** Default 15,000. */
  readonly readyWithinMs?: number
}

export interface ConnectProxy {
  readonly pid: number
  /** Where it accepts mTLS connections for the application; undefined without one. */
  readonly listen: string | undefined
  /** `127.0.0.1:port` by service: plain connections that it carries there. */
  readonly upstreams: Readonly<Record<string, string>>
  /** What it printed so far. */
  readonly log: string
  readonly exited: Promise<Exit>
  /** SIGTERM lets it take back its registration; default SIGKILL. */
  stop(signal?: NodeJS.Signals): Promise<Exit>
  [Symbol.asyncDispose](): Promise<void>
}

interface Places {
  readonly listen: number | undefined
  readonly upstreams: Readonly<Record<string, number>>
}

/**
 * Consul's built-in Connect proxy, `consul connect proxy`, as a process of its own. Resolves when it listens wherever it
 * is to listen, which it does for the application once it has its certificate.
 */
export async function startProxy(agent: Agent, options: ProxyOptions): Promise<ConnectProxy> {
  const places =
    options.sidecarFor === undefined
      ? await chosenPlaces(options)
      : await registeredPlaces(agent, options.sidecarFor)
  const env = { ...agent.env, ...(options.token === undefined ? {} : { CONSUL_HTTP_TOKEN: options.token }) }
  const { path } = await consul()
  const child = new Child(path, ['connect', 'proxy', ...flags(options, places)], env)
  const stop = (signal?: NodeJS.Signals): Promise<Exit> => child.kill(signal)
  const ports = [...Object.values(places.upstreams), ...(places.listen === undefined ? [] : [places.listen])]
  try {
    await until(
      () => {
        if (child.exit !== undefined) throw new Error(`it ended (${child.exit.signal ?? child.exit.code})`)
        return listening(ports, child.log)
      },
      { what: `a proxy on ${ports.join(', ')}`, withinMs: options.readyWithinMs ?? 15_000 },
    )
  } catch (error) {
    await stop()
    throw new Error(`consul connect proxy: ${(error as Error).message}\n--- its log\n${child.log}`)
  }
  return {
    pid: child.pid,
    listen: places.listen === undefined ? undefined : `127.0.0.1:${places.listen}`,
    upstreams: Object.fromEntries(
      Object.entries(places.upstreams).map(([name, port]) => [name, `127.0.0.1:${port}`]),
    ),
    get log() {
      return child.log
    },
    exited: child.exited,
    stop,
    [Symbol.asyncDispose]: async () => void (await stop()),
  }
}

async function chosenPlaces({ upstreams = {}, serviceAddress, listen }: ProxyOptions): Promise<Places> {
  const free = await freePorts(Object.keys(upstreams).length + 1)
  return {
    listen: serviceAddress === undefined ? undefined : listen || free.pop(),
    upstreams: Object.fromEntries(
      Object.entries(upstreams).map(([name, port]) => [name, port || (free.pop() as number)]),
    ),
  }
}

async function registeredPlaces(agent: Agent, id: string): Promise<Places> {
  const { json } = await agent.api('GET', `/v1/agent/service/${id}-sidecar-proxy`)
  if (json === undefined) throw new Error(`${id} is not registered with a sidecar at ${agent.address}`)
  const upstreams = (json.Proxy?.Upstreams ?? []) as { DestinationName: string; LocalBindPort: number }[]
  return {
    listen: json.Port,
    upstreams: Object.fromEntries(
      upstreams.map(({ DestinationName, LocalBindPort }) => [DestinationName, LocalBindPort]),
    ),
  }
}

function flags(options: ProxyOptions, { listen, upstreams }: Places): string[] {
  const level = ['-log-level', options.logLevel ?? 'info']
  if (options.sidecarFor !== undefined) return ['-sidecar-for', options.sidecarFor, ...level]
  return [
    '-service',
    options.service ?? '',
    ...Object.entries(upstreams).flatMap(([name, port]) => ['-upstream', `${name}:127.0.0.1:${port}`]),
    ...(listen === undefined
      ? []
      : ['-listen', `127.0.0.1:${listen}`, '-service-addr', options.serviceAddress ?? '']),
    ...(options.register ? ['-register', '-register-id', String(listen)] : []),
    ...level,
  ]
}

/** Never by connecting: the proxy would open a connection to the application, or to the upstream, at once. */
function listening(ports: readonly number[], log: string): boolean {
  const tables = ['/proc/net/tcp', '/proc/net/tcp6'].filter(existsSync)
  if (tables.length === 0)
    return ports.every((port) => new RegExp(`Starting listener.*:${port}\\b`).test(log))
  const rows = tables.map((file) => readFileSync(file, 'utf8')).join('\n')
  const LISTEN = '0A'
  return ports.every((port) => {
    const hex = port.toString(16).toUpperCase().padStart(4, '0')
    return new RegExp(`: [0-9A-F]+:${hex} [0-9A-F]+:0000 ${LISTEN} `).test(rows)
  })
}
