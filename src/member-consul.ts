import type { Config } from './config.ts'
import { HttpConsulLink } from './control/consul-link.ts'
import { ConsulPolicyFeed } from './control/consul-policy-feed.ts'
import { type PolicyKey, policyKey } from './control/consul-policy-key.ts'
import type { StateStore } from './core/plane.ts'
import type { MemberDeps, ParsePolicy } from './member-parts.ts'
import type { ConsulHealth } from './report.ts'

/** What a process has of Consul. */
export interface ConsulMember {
  /** Where the agent is, for messages. */
  readonly address: string
  /** Of the latest start. Undefined: the policy is from somewhere else. */
  policyFeed(parse: ParsePolicy): ConsulPolicyFeed | undefined
  health(): ConsulHealth
  close(): Promise<void>
}

interface ConsulFacts {
  readonly store: StateStore | undefined
}

/** Undefined where neither addresses nor the policy are from Consul. */
export function consulMember(
  config: Config,
  deps: MemberDeps,
  { store }: ConsulFacts,
): ConsulMember | undefined {
  const from = policyIn(config)
  if (config.discovery !== 'consul' && from === undefined) return undefined
  const link = new HttpConsulLink({ ...deps, ...agentOf(config) })
  let policy: ConsulPolicyFeed | undefined
  return {
    address: link.address,
    policyFeed: (parse) => {
      policy = from && new ConsulPolicyFeed({ ...deps, link, from, parse, store })
      return policy
    },
    health: () => ({ address: link.address, policy: policy?.status() }),
    close: () => link.close(),
  }
}

function policyIn({ policy }: Config): PolicyKey | undefined {
  return typeof policy === 'string' ? policyKey(policy) : undefined
}

/** Empty settings are none. */
export function agentOf(config: Config) {
  return {
    address: config.consulAddress,
    token: config.consulToken || undefined,
    tokenFile: config.consulTokenFile || undefined,
    auth: config.consulAuth || undefined,
    ssl: config.consulSsl,
    sslVerify: config.consulSslVerify,
    caFile: config.consulCaFile || undefined,
    caPath: config.consulCaPath || undefined,
    certFile: config.consulCertFile || undefined,
    keyFile: config.consulKeyFile || undefined,
    tlsServerName: config.consulServerName || undefined,
    namespace: config.consulNamespace || undefined,
    partition: config.consulPartition || undefined,
  }
}
