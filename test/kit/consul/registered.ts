import { HttpConsulLink } from '../../../src/control/consul-link.ts'
import type { Listener } from '../../../src/core/runtime.ts'
import { ConsulRegistrar, type ConsulRegistrarOptions } from '../../../src/discovery/consul-registrar.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import type { Cleanup } from '../process.ts'
import { until } from '../wait.ts'
import type { Agent } from './agent.ts'

/** Short, so that what is killed is noticed while a test waits; in milliseconds. */
export const TTL_MS = 1000

export interface Told {
  readonly id: string
  readonly node: string
  readonly service: Readonly<Record<string, any>>
  readonly status: string
  readonly output: string
}

/** What callers are told of a service, capable of TLS or not. */
export async function seen(service: string, of: Agent, kind = 'connect'): Promise<Told[]> {
  const { json } = await of.api('GET', `/v1/health/${kind}/${service}`)
  return json.map(({ Node, Service, Checks }: any) => {
    const own = Checks.find(({ ServiceID }: any) => ServiceID === Service.ID)
    return {
      id: Service.ID,
      node: Node.Address,
      service: Service,
      status: own?.Status,
      output: own?.Output,
    }
  })
}

/** The same, by instance. */
export const statuses = async (service: string, of: Agent): Promise<Record<string, string>> =>
  Object.fromEntries((await seen(service, of)).map(({ id, status }) => [id, status]))

export interface RegistrarSetting extends Partial<ConsulRegistrarOptions> {
  /** Default that which may do everything. */
  readonly token?: string
  readonly tokenFile?: string
}

/** A registrar of `orders`, instance `i1`, with a time to live of a second. It leaves at the end of the test. */
export function registrarOf(
  t: Cleanup,
  of: Agent,
  { token, tokenFile, ...options }: RegistrarSetting = {},
): ConsulRegistrar {
  const log = { debug() {}, info() {}, warn() {}, error() {} }
  const facts = { clock: systemClock, random: Math.random, log }
  const link = new HttpConsulLink({ ...facts, address: of.address, token: token ?? of.token, tokenFile })
  const registrar = new ConsulRegistrar({
    ...facts,
    link,
    instance: 'i1',
    service: 'orders',
    meta: {},
    hasIdentity: true,
    localAddress: async () => '127.0.0.1',
    ttlMs: TTL_MS,
    ...options,
  })
  t.after(async () => {
    await registrar.deregister()
    await link.close()
  })
  return registrar
}

/** A listener on any address. */
export const STRICT: Listener = { host: '0.0.0.0', port: 4001, protocol: 'http', mtls: 'strict' }

/** Resolves when callers are told exactly this, by instance. */
export function told(
  of: Agent,
  service: string,
  expected: Readonly<Record<string, string>>,
  withinMs = 5000,
): Promise<unknown> {
  const text = (value: object): string => JSON.stringify(Object.entries(value).sort())
  let last: object = {}
  return until(
    async () => {
      last = await statuses(service, of)
      return text(last) === text(expected)
    },
    { what: `callers of ${service} to be told ${JSON.stringify(expected)}`, withinMs, seen: () => last },
  )
}
