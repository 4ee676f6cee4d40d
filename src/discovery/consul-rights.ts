import type { ConsulLink, ConsulRequest } from '../core/consul.ts'
import type { Lookup } from './consul-lookup.ts'

type Consistency = ConsulRequest['consistency']

/**
 * What an ACL token lets us see. Consul leaves out what a token may not read, and says nothing of it before 1.13: an
 * answer without instances can mean that there is none, and that there is no right to see them.
 */
export class ConsulRights {
  readonly #link: Pick<ConsulLink, 'send'>

  constructor(link: Pick<ConsulLink, 'send'>) {
    this.#link = link
  }

  /** Whether it sees any service and any node where this one is looked for: there is always one of each, the servers. */
  async sees(lookup: Lookup): Promise<boolean> {
    return (await this.#names(lookup, 'default')).length > 0 && (await this.#seesNodes(lookup, 'default'))
  }

  /**
   * Why a service that Consul lists may be without instances for us; undefined: it is not even listed. Nothing is
   * decided by it, so any server may answer: it is asked again and again where a service stays empty.
   */
  async whyNone(lookup: Lookup): Promise<string | undefined> {
    const { service, connect, filter } = lookup
    if (!(await this.#names(lookup, 'stale')).includes(service)) return undefined
    if (!(await this.#seesNodes(lookup, 'stale')))
      return `Consul lists ${service}, and shows its instances to nobody who sees no node: the ACL token lacks node_prefix "" { policy = "read" }`
    if (!connect || filter !== undefined) return undefined
    return `Consul has instances of ${service}, and none that speaks Connect's mutual TLS: they are neither Connect-native nor have a sidecar; policy may allow plaintext with mtls: permissive`
  }

  async #names(lookup: Lookup, consistency: Consistency): Promise<string[]> {
    const body = await this.#ask('/v1/catalog/services', lookup, consistency)
    return typeof body === 'object' && body !== null ? Object.keys(body) : []
  }

  async #seesNodes(lookup: Lookup, consistency: Consistency): Promise<boolean> {
    const body = await this.#ask('/v1/catalog/nodes', lookup, consistency)
    return Array.isArray(body) && body.length > 0
  }

  async #ask(
    path: string,
    { datacenter, namespace, partition }: Lookup,
    consistency: Consistency,
  ): Promise<unknown> {
    const query = { dc: datacenter, ns: namespace, partition }
    // Of a node no more is wanted than that there is one.
    const eachItem = (): number => 1
    return (await this.#link.send({ method: 'GET', path, query, consistency, eachItem })).body
  }
}

/** What a token that sees no other service than our own lacks; undefined: it sees one. */
export function missingServiceRule(names: readonly string[], own: string | undefined): string | undefined {
  if (names.some((name) => name !== own)) return undefined
  return `Consul shows this ACL token no service but our own: it lacks service_prefix "" { policy = "read" }, or a rule for each service that is called and for the service consul`
}
