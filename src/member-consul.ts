import type { Config } from './config.ts'
import { type ConsulFacts, type ConsulMesh, consulMesh } from './consul-mesh.ts'
import { agentOf } from './control/agent-of.ts'
import { HttpConsulLink } from './control/consul-link.ts'
import { ConsulPolicyFeed } from './control/consul-policy-feed.ts'
import { type PolicyKey, policyKey } from './control/consul-policy-key.ts'
import type { MemberDeps, ParsePolicy } from './member-parts.ts'
import type { ConsulHealth } from './report.ts'

/** What a process has of Consul. */
export interface ConsulMember {
  /** Undefined where only the policy is from Consul. */
  readonly mesh: ConsulMesh | undefined
  /** Of the latest start. Undefined: the policy is from somewhere else. */
  policyFeed(parse: ParsePolicy): ConsulPolicyFeed | undefined
  health(): ConsulHealth
  close(): Promise<void>
}

/** Undefined where neither addresses nor the policy are from Consul. Throws TULLE_CONFIG where settings contradict each other. */
export function consulMember(config: Config, deps: MemberDeps, facts: ConsulFacts): ConsulMember | undefined {
  const from = policyIn(config)
  if (config.discovery !== 'consul' && from === undefined) return undefined
  const link = new HttpConsulLink({ ...deps, ...agentOf(config) })
  const mesh = config.discovery === 'consul' ? consulMesh(link, config, deps, facts) : undefined
  const { store } = facts
  let policy: ConsulPolicyFeed | undefined
  return {
    mesh,
    policyFeed: (parse) => {
      policy = from && new ConsulPolicyFeed({ ...deps, link, from, parse, store })
      return policy
    },
    health: () => ({
      address: link.address,
      policy: policy?.status(),
      ...mesh?.health(),
    }),
    close: () => link.close(),
  }
}

function policyIn({ policy }: Config): PolicyKey | undefined {
  return typeof policy === 'string' ? policyKey(policy) : undefined
}
