import { z } from 'zod'
import type { Verdict } from '../core/authorizer.ts'
import { type ConsulLink, ConsulRefusal } from '../core/consul.ts'
import type { Clock, Logger } from '../core/ports.ts'

/** What holds where no intention decides, and why. */
export interface IntentionDefault {
  readonly allow: boolean
  readonly why: string
}

export const UNKNOWN: IntentionDefault = Object.freeze({
  allow: false,
  why: 'the ACL policy of the agent is not known',
})
const NOT_TOLD: IntentionDefault = Object.freeze({
  allow: false,
  why: 'the ACL token may not read the policy of the agent (agent:read), so it is taken for deny',
})
/** How often the agent is asked, in milliseconds: its policy changes when it is started anew. */
const EVERY_MS = 600_000

export interface AclDefaultOptions {
  readonly link: Pick<ConsulLink, 'send' | 'address'>
  readonly clock: Clock
  readonly log: Logger
  /** Undefined: what the agent says. */
  readonly allow?: boolean | undefined
  readonly onChange: () => void
}

/**
 * What Consul does where no intention decides: as the ACL policy of the agent says, or anything while ACLs are off. Where
 * the agent does not tell, deny.
 */
export class AclDefault {
  readonly #options: AclDefaultOptions
  readonly #configured: boolean
  #current = UNKNOWN
  #verdict = verdictOf(UNKNOWN)
  #askedMs: number | undefined

  constructor(options: AclDefaultOptions) {
    const { allow } = options
    this.#options = options
    this.#configured = allow !== undefined
    if (allow !== undefined) this.#set({ allow, why: 'so configured' })
  }

  get current(): IntentionDefault {
    return this.#current
  }

  /** For the next run: what the agent said, and not what this one was configured to. */
  get told(): IntentionDefault {
    return this.#configured ? UNKNOWN : this.#current
  }

  get verdict(): Verdict {
    return this.#verdict
  }

  /** What an earlier run knew, until the agent says. */
  restore(kept: IntentionDefault): void {
    if (!this.#configured && kept.why !== UNKNOWN.why) this.#set(kept)
  }

  /**
   * Asks where it is time to. Rejects where nothing is known and the agent has no answer.
   * @param anew The agent was away: it may be another one.
   */
  async ask(anew: boolean, signal?: AbortSignal): Promise<void> {
    const { clock, log, link } = this.#options
    const fresh = this.#askedMs !== undefined && clock.now() - this.#askedMs < EVERY_MS
    if (this.#configured || (fresh && !anew)) return
    try {
      const said = await read(link, signal)
      this.#askedMs = clock.now()
      if (said.allow === this.#current.allow && said.why === this.#current.why) return
      this.#set(said)
      log.info(`where no intention decides: ${said.allow ? 'allow' : 'deny'}`, { why: said.why })
      this.#options.onChange()
    } catch (error) {
      // What is known holds, and the next answer about intentions asks again: nobody's intentions wait for this.
      if (this.#current === UNKNOWN) throw error
    }
  }

  #set(current: IntentionDefault): void {
    this.#current = current
    this.#verdict = verdictOf(current)
  }
}

const policy = z.string().nullish()
/** 1.8 says the policy at the top; later it is among the resolver's settings, and intentions can have one of their own. */
const selfWire = z.looseObject({
  DebugConfig: z.looseObject({
    ACLsEnabled: z.boolean(),
    ACLDefaultPolicy: policy,
    ACLResolverSettings: z.looseObject({ ACLDefaultPolicy: policy }).nullish(),
    DefaultIntentionPolicy: policy,
  }),
})

/** By the local agent, as for the proxies of that agent. */
async function read(link: Pick<ConsulLink, 'send'>, signal?: AbortSignal): Promise<IntentionDefault> {
  try {
    const { body } = await link.send({ method: 'GET', path: '/v1/agent/self' }, signal)
    return defaultIn(body)
  } catch (error) {
    if (error instanceof ConsulRefusal && error.status === 403) return NOT_TOLD
    throw error
  }
}

/** @param self what `/v1/agent/self` answers */
export function defaultIn(self: unknown): IntentionDefault {
  const { data } = selfWire.safeParse(self)
  if (data === undefined) return { allow: false, why: 'the agent tells no ACL policy that is understood' }
  const { ACLsEnabled, ACLDefaultPolicy, ACLResolverSettings, DefaultIntentionPolicy } = data.DebugConfig
  if (DefaultIntentionPolicy)
    return {
      allow: DefaultIntentionPolicy === 'allow',
      why: `default_intention_policy is ${DefaultIntentionPolicy}`,
    }
  if (!ACLsEnabled) return { allow: true, why: 'ACLs are off' }
  const acl = ACLResolverSettings?.ACLDefaultPolicy || ACLDefaultPolicy || 'not told'
  return { allow: acl === 'allow', why: `the ACL default policy is ${acl}` }
}

const verdictOf = ({ allow, why }: IntentionDefault): Verdict =>
  Object.freeze({
    allowed: allow,
    reason: `no intention decides, and the default is ${allow ? 'allow' : 'deny'}: ${why}`,
  })
