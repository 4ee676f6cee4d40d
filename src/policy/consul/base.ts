import type { BasePolicy, BaseRoute, BaseService, Sourced } from '../base.ts'
import { type AnyPiece, SERVICE_NAME } from '../schema.ts'
import { chainOf, isHttp, notHttp, protocolOf } from './chain.ts'
import type { Entries } from './entry.ts'
import { LevelDraft, written } from './level.ts'
import { type NotHonoured, Told } from './not-honoured.ts'
import { resolverLevel, tellDefaults } from './resolver.ts'
import { routesOf } from './router.ts'
import { upstreamLevel } from './upstream.ts'

export interface ConsulBaseOptions {
  /** Our own name: the limits of what we call are in our own service-defaults. */
  readonly service: string
  /** Every key of a document that a module owns. */
  readonly pieces: readonly AnyPiece[]
  /** Identifies a text. */
  readonly digest: (text: string) => string
}

export interface ConsulBase extends BasePolicy {
  readonly notHonoured: readonly NotHonoured[]
}

/**
 * Consul's config entries as what stands below our documents. Pure; never throws, whatever the entries say. The order,
 * weakest first: proxy-defaults, the service-resolver at the end of all redirects, `UpstreamConfig.Defaults` and then
 * `.Overrides` of our own service-defaults; a service-router's routes above them, for the calls they match.
 */
export function consulBase(entries: Entries, options: ConsulBaseOptions): ConsulBase {
  const all: NotHonoured[] = []
  const tell = (kind: string, name: string): Told => new Told(kind, name, all)
  const made = new Base(entries, options, tell)
  const services = new Map<string, BaseService>()
  for (const service of made.names()) {
    const { levels, routes } = made.of(service)
    const version = made.versionOf(levels, routes)
    if (version !== made.general.version) services.set(service, { version, levels, routes })
  }
  tellDefaults(entries, tell)
  const said = [made.general.version, ...[...services].map(([name, { version }]) => `${name} ${version}`)]
  const nothing = services.size === 0 && made.general.version === undefined
  return {
    version: nothing ? undefined : options.digest(said.join('\n')),
    services,
    general: made.general,
    notHonoured: once(all),
  }
}

class Base {
  readonly general: BaseService
  readonly #entries: Entries
  readonly #options: ConsulBaseOptions
  readonly #tell: (kind: string, name: string) => Told
  readonly #proxies: readonly Sourced[]
  /** Of what has no override of its own, by protocol: thousands of services say the same. */
  readonly #usual = new Map<string, readonly Sourced[]>()

  constructor(entries: Entries, options: ConsulBaseOptions, tell: (kind: string, name: string) => Told) {
    this.#entries = entries
    this.#options = options
    this.#tell = tell
    this.#proxies = this.#proxyDefaults()
    const levels = [...this.#proxies, ...this.#upstream(undefined)]
    this.general = { version: this.versionOf(levels, []), levels, routes: [] }
  }

  /** Services that an entry says something about; of names that are none here nothing can be called. */
  names(): readonly string[] {
    const { 'service-resolver': resolvers, 'service-router': routers } = this.#entries
    const { 'service-splitter': splitters, 'service-defaults': defaults } = this.#entries
    const overrides = this.#own?.Overrides.map(({ Name }) => Name ?? '') ?? []
    const names = [resolvers, routers, splitters, defaults].flatMap((kind) => [...(kind?.keys() ?? [])])
    return [...new Set([...names, ...overrides])].filter((name) => SERVICE_NAME.test(name)).sort()
  }

  of(service: string): { readonly levels: readonly Sourced[]; readonly routes: readonly BaseRoute[] } {
    const resolved = chainOf(service, this.#entries, this.#tell)
    const own = resolverLevel(service, resolved, this.#options.pieces, this.#tell)
    const levels = [...this.#proxies, ...(own === undefined ? [] : [own]), ...this.#upstream(service)]
    const router = this.#entries['service-router']?.get(service)
    if (router === undefined) return { levels, routes: [] }
    const told = this.#tell('service-router', service)
    if (isHttp(service, this.#entries))
      return { levels, routes: routesOf(router, this.#options.pieces, told) }
    told.tell('Routes', notHttp(service, this.#entries))
    return { levels, routes: [] }
  }

  versionOf(levels: readonly Sourced[], routes: readonly BaseRoute[]): string | undefined {
    if (levels.length === 0 && routes.length === 0) return undefined
    const said = [levels.map(({ level }) => level), routes.map(({ match, own }) => [match, own.level])]
    return this.#options.digest(JSON.stringify(said))
  }

  get #own() {
    return this.#entries['service-defaults']?.get(this.#options.service)?.UpstreamConfig
  }

  #proxyDefaults(): readonly Sourced[] {
    const draft = new LevelDraft(this.#options.pieces, 'service')
    const timeout = this.#entries['proxy-defaults']?.get('global')?.Config?.connect_timeout_ms || undefined
    if (timeout !== undefined) {
      const told = this.#tell('proxy-defaults', 'global')
      draft.say('connect', { timeout: written(timeout) }, told, 'Config.connect_timeout_ms')
    }
    const level = draft.done()
    return level === undefined ? [] : [level]
  }

  /** @param service undefined: any that is not named */
  #upstream(service: string | undefined): readonly Sourced[] {
    const { service: self, pieces } = this.#options
    const own = this.#own
    if (own === undefined) return []
    const told = this.#tell('service-defaults', self)
    const protocol = protocolOf(service ?? '', this.#entries)
    let usual = this.#usual.get(protocol)
    if (usual === undefined) {
      const at = 'UpstreamConfig.Defaults.'
      const level = own.Defaults && upstreamLevel(own.Defaults, protocol, pieces, told, at)
      usual = level === undefined ? [] : [level]
      this.#usual.set(protocol, usual)
    }
    const index = service === undefined ? -1 : own.Overrides.findIndex(({ Name }) => Name === service)
    const override = own.Overrides[index]
    if (override === undefined) return usual
    const level = upstreamLevel(override, protocol, pieces, told, `UpstreamConfig.Overrides[${index}].`)
    return level === undefined ? usual : [...usual, level]
  }
}

function once(all: readonly NotHonoured[]): readonly NotHonoured[] {
  return [...new Map(all.map((one) => [JSON.stringify(one), one])).values()]
}
