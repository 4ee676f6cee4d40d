import type {
  ConsulIntentions,
  ConsulIntentionsOptions,
  ConsulIntentionsStatus,
} from './control/consul-intentions.ts'
import type { AccessRequest, Authorizer, CompileRules, Verdict } from './core/authorizer.ts'
import type { Part } from './core/ports.ts'

const NOT_STARTED: Verdict = Object.freeze({ allowed: false, reason: 'the mesh has not been started' })

/**
 * Intentions before their room is loaded. It brings an engine for regular expressions that only a process on Consul
 * needs. Until then everything is denied.
 */
export class DeferredIntentions implements Part, Authorizer {
  readonly name = 'intentions'
  readonly #options: Omit<ConsulIntentionsOptions, 'compile'>
  #intentions: ConsulIntentions | undefined

  constructor(options: Omit<ConsulIntentionsOptions, 'compile'>) {
    this.#options = options
  }

  async start(signal: AbortSignal): Promise<void> {
    const [{ ConsulIntentions }, { compilePattern }, { compileIntentions }] = await Promise.all([
      import('./control/consul-intentions.ts'),
      import('./control/linear-pattern.ts'),
      import('./security/intentions.ts'),
    ])
    signal.throwIfAborted()
    const compile: CompileRules = (service, list) => compileIntentions(service, list, compilePattern)
    this.#intentions = new ConsulIntentions({ ...this.#options, compile })
    await this.#intentions.start(signal)
  }

  judge(request: AccessRequest): Verdict {
    return this.#intentions?.judge(request) ?? NOT_STARTED
  }

  /** Undefined before the start. */
  status(): ConsulIntentionsStatus | undefined {
    return this.#intentions?.status()
  }

  async close(): Promise<void> {
    await this.#intentions?.close()
  }
}
