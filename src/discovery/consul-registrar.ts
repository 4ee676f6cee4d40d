import type { Listener } from '../core/runtime.ts'
import { objectionToCheck } from './consul-check.ts'
import { ConsulRegistry, type ConsulRegistryOptions } from './consul-registry.ts'
import type { RegistrarStatus, Registration } from './registration.ts'
import { type CycleOptions, RegistrationCycle } from './registration-cycle.ts'

export interface ConsulRegistrarOptions extends CycleOptions, ConsulRegistryOptions {}

/**
 * Tells the agent of this machine what this process serves: each listener is an instance of the service, with the id
 * `<service>-<instance>-<port>` and one check. An agent that forgot us is told again at once; one that was away, or a
 * new token, too. Before a drain the instances are deregistered: the agent's callers learn that as fast as a critical
 * check, and nothing is left behind.
 *
 * The address is the advertised one, else the bound one. A listener on any address (`0.0.0.0`, `::`) has the address of
 * the agent's node where the agent is on this machine (loopback, unix socket), by Consul's own convention: the field
 * stays empty. Where the agent is elsewhere it is the local address used towards it.
 */
export class ConsulRegistrar implements Registration {
  readonly #link: ConsulRegistrarOptions['link']
  readonly #cycle: RegistrationCycle
  #unlisten: (() => void) | undefined

  /** Throws TULLE_CONFIG where `advertise` is no address, or the check one that could not work. */
  constructor(options: ConsulRegistrarOptions) {
    const { check = 'ttl', inboundMtls: mtls, healthPort } = options
    const objection = objectionToCheck(check, { mtls, hasHealthPort: healthPort !== undefined })
    if (objection !== undefined) throw objection
    this.#link = options.link
    this.#cycle = new RegistrationCycle(new ConsulRegistry(options), options)
  }

  listen(listener: Listener): void {
    this.#unlisten ??= this.#link.onReachable?.(() => this.#cycle.anew()) ?? (() => {})
    this.#cycle.listen(listener)
  }

  leave(listener: Listener): void {
    this.#cycle.leave(listener)
  }

  status(): RegistrarStatus {
    return this.#cycle.status()
  }

  deregister(): Promise<void> {
    this.#unlisten?.()
    return this.#cycle.deregister()
  }
}
