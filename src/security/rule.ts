import type { AccessRequest, CompilePattern, Verdict } from '../core/authorizer.ts'
import { ANY, type Caller, DEFAULT } from './caller.ts'
import { type IntentionWire, isEmpty, said } from './intention-wire.ts'
import { NotUnderstood } from './not-understood.ts'
import { Permission } from './permission.ts'

/** What an intention says of itself, and nothing of who may do what. */
const KNOWN: ReadonlySet<string> = new Set([
  'ID',
  'Description',
  'SourceNS',
  'SourceName',
  'SourcePartition',
  'SourcePeer',
  'SourceType',
  'DestinationNS',
  'DestinationName',
  'DestinationPartition',
  'Action',
  'Permissions',
  'Meta',
  'LegacyMeta',
])

/** One intention, compiled. */
export class Rule {
  readonly name: string
  /** 9 … 1, as Consul counts: how exact the destination is, then the source. */
  readonly precedence: number
  /** Why it denies whatever it says; undefined: it is understood. */
  readonly problem: string | undefined
  /** Of all its requests; undefined: its permissions decide. */
  readonly verdict: Verdict | undefined
  readonly #source: Caller & { readonly peer: string }
  readonly #permissions: readonly Permission[] = []

  constructor(wire: IntentionWire, compile: CompilePattern) {
    this.#source = {
      partition: wire.SourcePartition || DEFAULT,
      namespace: wire.SourceNS || DEFAULT,
      service: wire.SourceName,
      peer: wire.SourcePeer ?? '',
    }
    const destination = exactness(wire.DestinationNS || DEFAULT, wire.DestinationName)
    const source = exactness(this.#source.namespace, this.#source.service)
    this.precedence = (destination - 1) * 3 + source
    this.name = `intention ${this.#sourceName()} → ${wire.DestinationName}`
    try {
      refuseStrange(wire)
      this.#permissions = (wire.Permissions ?? []).map(
        (permission, index) => new Permission(permission, `${this.name}, permission ${index + 1}`, compile),
      )
      this.verdict = this.#permissions.length > 0 ? undefined : this.#decided(wire.Action)
    } catch (error) {
      if (!(error instanceof NotUnderstood)) throw error
      this.problem = `${this.name}: not understood (${error.message}), so it denies`
      this.#permissions = []
      this.verdict = Object.freeze({ allowed: false, reason: this.problem })
    }
  }

  /** Of two of the same precedence the stricter comes first. */
  get leniency(): number {
    return this.verdict === undefined ? 1 : this.verdict.allowed ? 2 : 0
  }

  speaksOf(caller: Caller): boolean {
    const { partition, namespace, service, peer } = this.#source
    // Callers of another cluster bring an identity of its trust domain, which TLS does not let in.
    if (peer !== '' || (service !== ANY && service !== caller.service)) return false
    // What is not understood may be about whom it names, so it denies more rather than less.
    if (this.problem !== undefined) return true
    return partition === caller.partition && (namespace === ANY || namespace === caller.namespace)
  }

  get speaksOfEverybody(): boolean {
    return this.#source.service === ANY && this.#source.peer === ''
  }

  /** Undefined: its permissions say nothing of this request. */
  judge(request: AccessRequest): Verdict | undefined {
    if (this.verdict !== undefined) return this.verdict
    for (const permission of this.#permissions) if (permission.matches(request)) return permission.verdict
    return undefined
  }

  /** What it denies somebody whose name is not known: nothing that it allows applies to him. */
  denies(request: AccessRequest): Verdict | undefined {
    if (this.verdict !== undefined) return this.verdict.allowed ? undefined : this.verdict
    for (const permission of this.#permissions)
      if (!permission.verdict.allowed && permission.matches(request)) return permission.verdict
    return undefined
  }

  #decided(action: string | null | undefined): Verdict {
    if (action !== 'allow' && action !== 'deny')
      throw new NotUnderstood(`the action ${JSON.stringify(action ?? '')}`)
    return Object.freeze({ allowed: action === 'allow', reason: `${this.name}: ${action}` })
  }

  #sourceName(): string {
    const { partition, namespace, service, peer } = this.#source
    if (peer !== '') return `${peer}/${service}`
    if (partition !== DEFAULT) return `${partition}/${namespace}/${service}`
    return namespace === DEFAULT ? service : `${namespace}/${service}`
  }
}

/** 3: a service; 2: every service of a namespace; 1: every service. */
const exactness = (namespace: string, name: string): number => (name !== ANY ? 3 : namespace !== ANY ? 2 : 1)

/**
 * A newer Consul may tell more of an intention (when it was made, where it came from): a number or a text that is about
 * neither side harms nobody. What narrows a rule comes as a structure, or speaks of its source or destination.
 */
function refuseStrange(wire: IntentionWire): void {
  const strange = said(wire, KNOWN).filter(
    (name) => typeof wire[name] === 'object' || /^(?:Source|Destination)/.test(name) || name === 'JWT',
  )
  if (strange.length > 0) throw new NotUnderstood(strange.join(', '))
  if (wire.SourceType && wire.SourceType !== 'consul')
    throw new NotUnderstood(`the source type ${JSON.stringify(wire.SourceType)}`)
  if (wire.SourceNS === ANY && wire.SourceName !== ANY)
    throw new NotUnderstood('a service of every namespace as the source')
  if (!isEmpty(wire.Action) && !isEmpty(wire.Permissions))
    throw new NotUnderstood('an action beside permissions')
}
