import { HttpConsulLink } from '../../../src/control/consul-link.ts'
import type { ConsulLink } from '../../../src/core/consul.ts'
import type { EndpointSet } from '../../../src/core/endpoint.ts'
import { ConsulSource, type ConsulSourceOptions } from '../../../src/discovery/consul.ts'
import { lookupOf } from '../../../src/discovery/consul-lookup.ts'
import { systemClock, systemWall } from '../../../src/platform/clock.ts'
import { systemRandom } from '../../../src/platform/random.ts'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }
export const world = { clock: systemClock, wall: systemWall, random: systemRandom, log: quiet }

export interface Watched {
  readonly sets: EndpointSet[]
  readonly errors: unknown[]
  /** When the newest set came, by `performance.now()`. */
  readonly atMs: number
  /** Of the newest set; undefined: there was none. */
  readonly ports: readonly number[] | undefined
  readonly stop: () => void
}

export type OpenedSource = ReturnType<typeof openSource>

/** A Consul source on a real agent: a link of its own, unless one is given. */
export function openSource(
  address: string,
  options: Partial<ConsulSourceOptions> & { readonly token?: string | undefined } = {},
) {
  const { token, ...given } = options
  const link: ConsulLink =
    (given.link as ConsulLink | undefined) ?? new HttpConsulLink({ ...world, address, token })
  const source = new ConsulSource({ ...world, lookup: (name) => lookupOf(name, {}, true), ...given, link })
  const watch = (service: string): Watched => {
    const sets: EndpointSet[] = []
    const errors: unknown[] = []
    let atMs = 0
    const stop = source.watch(
      service,
      (set) => {
        sets.push(set)
        atMs = performance.now()
      },
      (error) => errors.push(error),
    )
    return {
      sets,
      errors,
      stop,
      get atMs() {
        return atMs
      },
      get ports() {
        return sets.at(-1)?.endpoints.map(({ port }) => port)
      },
    }
  }
  const close = async (): Promise<void> => {
    await source.close()
    await link.close()
  }
  return { source, link, watch, close }
}
