import type { ConsulAnswer, ConsulLink } from '../core/consul.ts'
import { followConsul } from '../core/consul-follow.ts'
import { MeshError } from '../core/errors.ts'
import type { Following } from '../core/follow.ts'
import type { Clock, Logger, Random } from '../core/ports.ts'
import { wordsOf } from '../core/words.ts'
import { SERVICE_NAME } from '../policy/schema.ts'
import { type RemoteName, remoteName } from './consul-lookup.ts'
import { missingServiceRule } from './consul-rights.ts'

export interface ConsulNamesOptions {
  /** Our own service; undefined: there is none. */
  readonly service?: string | undefined
  readonly link: Pick<ConsulLink, 'send' | 'onReachable'>
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly onChange: () => void
  readonly onError: (error: unknown) => void
  /** Anything was heard, the same as before though it be. */
  readonly onHeard: () => void
}

const SIDECAR = '-sidecar-proxy'
const MAX_NAMES = 20_000
/** So many names that were sought are remembered. */
const MAX_SOUGHT = 1000
/** Who has only just registered is listed by then. */
const STRANGER_MS = 1000
/** How long what another datacenter has is taken as it was, in milliseconds. */
const REMOTE_MS = 5000
/** So many questions about one name each are on their way at a time: names can come from outside. */
const MAX_ASKING = 8

/**
 * The names of the services there are: those of our own datacenter followed, those of others, and those that have
 * nothing but sidecars in the catalog, asked for when somebody calls one. Names that are no tulle names (upper case,
 * dots, underscores) are left out; a service with `lookup` reaches them.
 */
export class ConsulNames {
  readonly #options: ConsulNamesOptions
  readonly #following: Following
  /**
   * Found when they were called: of other datacenters, as `orders.dc2`, or behind sidecars alone. For good, and no more
   * than there were: a service that has gone looks like one that the ACL token may no longer see (SECURITY, fact 5).
   */
  readonly #found = new Set<string>()
  /** When a name was sought last: until what was asked then is asked anew, nothing else can come of it. */
  readonly #sought = new Map<string, number>()
  readonly #asked = new Map<string, { readonly atMs: number; readonly list: Promise<ReadonlySet<string>> }>()
  #own: readonly string[] = []
  #known: readonly string[] = []
  #problem: string | undefined
  #asking = 0
  #stopped = false

  constructor(options: ConsulNamesOptions) {
    const { link, clock, random } = options
    this.#options = options
    this.#following = followConsul({
      link,
      clock,
      random,
      request: () => ({ method: 'GET', path: '/v1/catalog/services' }),
      onAnswer: (answer) => this.#answered(answer),
      onUnchanged: options.onHeard,
      onError: options.onError,
    })
  }

  get known(): readonly string[] {
    return this.#known
  }

  /** Why there may be more than are known; undefined: nothing says so. */
  get problem(): string | undefined {
    return this.#problem
  }

  /** Somebody calls a name that is not known: it may be one of another datacenter, or of sidecars alone. */
  async seek(name: string): Promise<void> {
    const remote = remoteName(name)
    if (remote === undefined && !SERVICE_NAME.test(name)) return
    if (this.#known.includes(name) || this.#found.size >= MAX_NAMES) return
    const now = this.#options.clock.now()
    if (now - (this.#sought.get(name) ?? Number.NEGATIVE_INFINITY) < REMOTE_MS) return
    if (this.#sought.size >= MAX_SOUGHT) this.#sought.clear()
    this.#sought.set(name, now)
    try {
      const found =
        remote === undefined ? await this.#isBehindSidecars(name) : await this.#isThere(name, remote)
      if (this.#stopped) return
      if (!found) {
        if (remote === undefined) this.#options.clock.background(STRANGER_MS, () => this.#missed(name))
        return
      }
      this.#found.add(name)
      this.#settle()
    } catch (error) {
      // That the agent does not answer is said where the names of our own datacenter come from.
      if (remote === undefined) return
      this.#options.log.warn(`${name}: ${wordsOf(error)}`)
    }
  }

  stop(): void {
    this.#stopped = true
    this.#following.stop()
  }

  #missed(name: string): void {
    if (this.#stopped || this.#known.includes(name)) return
    this.#options.log.warn(
      `${name}: Consul lists no such service; where ACLs are on, the token sees it with service "${name}" { policy = "read" }`,
    )
  }

  #answered({ body }: ConsulAnswer): void {
    const names = [...namesIn(body, '/v1/catalog/services')]
    this.#options.onHeard()
    const problem = missingServiceRule(names, this.#options.service)
    if (problem !== undefined && this.#problem === undefined) this.#options.log.warn(problem)
    this.#problem = problem
    // Consul's servers are a service themselves: a token that sees not even them is one that was lost.
    if (names.length === 0 && this.#own.length > 0) return
    const all = new Set(names)
    this.#own = names
      .filter((name) => SERVICE_NAME.test(name) && name !== 'consul')
      .filter((name) => !(name.endsWith(SIDECAR) && all.has(name.slice(0, -SIDECAR.length))))
    this.#settle()
  }

  async #isThere(name: string, { service, datacenter }: RemoteName): Promise<boolean> {
    const datacenters = await this.#list('/v1/catalog/datacenters')
    if (!datacenters.has(datacenter)) {
      const which = [...datacenters].sort().join(', ')
      this.#options.log.warn(`${name}: Consul knows no datacenter ${datacenter}, but ${which}`)
      return false
    }
    const names = await this.#list('/v1/catalog/services', datacenter)
    return names.has(service) || (await this.#isBehindSidecars(service, datacenter))
  }

  /** The catalog names a sidecar as it calls itself; what it stands before is known to who asks for that. */
  async #isBehindSidecars(service: string, dc?: string): Promise<boolean> {
    if (this.#asking >= MAX_ASKING) return false
    this.#asking += 1
    try {
      const path = `/v1/health/connect/${encodeURIComponent(service)}`
      const eachItem = (): number => 1
      const { body } = await this.#options.link.send({ method: 'GET', path, query: { dc }, eachItem })
      return Array.isArray(body) && body.length > 0
    } finally {
      this.#asking -= 1
    }
  }

  #settle(): void {
    const known = [...new Set([...this.#own, ...this.#found])].sort()
    if (known.join() === this.#known.join()) return
    this.#known = known
    this.#options.onChange()
  }

  /** One question for all who ask within a moment, also where it fails. */
  #list(path: string, dc?: string): Promise<ReadonlySet<string>> {
    const { link, clock } = this.#options
    const key = dc ?? ''
    const before = this.#asked.get(key)
    if (before !== undefined && clock.now() - before.atMs < REMOTE_MS) return before.list
    const list = link.send({ method: 'GET', path, query: { dc } }).then(({ body }) => namesIn(body, path))
    this.#asked.set(key, { atMs: clock.now(), list })
    return list
  }
}

/** The keys of an object, or a list's texts. */
function namesIn(body: unknown, path: string): ReadonlySet<string> {
  const names = Array.isArray(body)
    ? body
    : typeof body === 'object' && body !== null
      ? Object.keys(body)
      : undefined
  if (names === undefined || names.length > MAX_NAMES || !names.every((name) => typeof name === 'string'))
    throw new MeshError(
      'TULLE_CONSUL',
      `${path} answered what is no list of names: the last good ones stay`,
      {
        layer: 'discovery',
      },
    )
  return new Set(names)
}
