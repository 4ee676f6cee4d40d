import type { ConsulAgentOptions } from './consul-agent.ts'

/** The settings that say where the agent is, as the configuration names them; what is empty is not set. */
export interface AgentSettings {
  readonly consulAddress: string
  readonly consulToken: string
  readonly consulTokenFile: string
  readonly consulAuth: string
  readonly consulSsl: boolean
  readonly consulSslVerify: boolean
  readonly consulCaFile: string
  readonly consulCaPath: string
  readonly consulCertFile: string
  readonly consulKeyFile: string
  readonly consulServerName: string
  readonly consulNamespace: string
  readonly consulPartition: string
}

/** The agent that the configuration means, for `HttpConsulLink`. */
export function agentOf(settings: AgentSettings): ConsulAgentOptions {
  return {
    address: settings.consulAddress,
    token: settings.consulToken || undefined,
    tokenFile: settings.consulTokenFile || undefined,
    auth: settings.consulAuth || undefined,
    ssl: settings.consulSsl,
    sslVerify: settings.consulSslVerify,
    caFile: settings.consulCaFile || undefined,
    caPath: settings.consulCaPath || undefined,
    certFile: settings.consulCertFile || undefined,
    keyFile: settings.consulKeyFile || undefined,
    tlsServerName: settings.consulServerName || undefined,
    namespace: settings.consulNamespace || undefined,
    partition: settings.consulPartition || undefined,
  }
}
