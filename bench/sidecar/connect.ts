import { consul, startAgent, startProxy } from '../../test/kit/consul/agent.ts'
import { OTHER_CORE, pin } from '../processes.ts'
import type { StartPair } from './pair.ts'

/**
 * Consul's own `connect proxy`, which carries bytes and looks at no request. Its agent is its control plane and not
 * counted.
 */
export const startConnectPair: StartPair = async ({ upstreamPort }) => {
  const { version } = await consul()
  const agent = await startAgent()
  await agent.api('PUT', '/v1/agent/service/register', { Name: 'orders', Port: upstreamPort })
  const serviceAddress = `127.0.0.1:${upstreamPort}`
  const called = await startProxy(agent, { service: 'orders', serviceAddress, register: true })
  const calling = await startProxy(agent, { service: 'bench', upstreams: { orders: 0 } })
  const pids = [called.pid, calling.pid]
  for (const pid of pids) pin(pid, OTHER_CORE)
  return {
    port: Number(calling.upstreams.orders?.split(':')[1]),
    securePort: Number(called.listen?.split(':')[1]),
    pids,
    version: `Consul ${version}`,
    stop: async () => {
      await Promise.all([called.stop(), calling.stop()])
      await agent.stop()
    },
  }
}
