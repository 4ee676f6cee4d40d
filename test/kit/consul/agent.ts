/** Real Consul agents for tests: the front of this folder. */
export type { AgentOptions, AgentPorts } from './agent-config.ts'
export type { ApiAnswer, ApiMethod, ApiOptions } from './api.ts'
export { Cluster, type ClusterOptions, startCluster } from './cluster.ts'
export { type CheckStatus, Fleet, type FleetOptions, type Instance, registerMany } from './fleet.ts'
export { freePorts } from './ports.ts'
export { type ConnectProxy, type ProxyOptions, startProxy } from './proxy.ts'
export { Agent, consul, startAgent } from './running-agent.ts'
export { type WatchCount, watchCount } from './watch-count.ts'
