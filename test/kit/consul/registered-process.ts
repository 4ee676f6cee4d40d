/**
 * A process that does nothing but be registered: `CONSUL_HTTP_ADDR`, `SERVICE`, `INSTANCE`, `PORT`, `TTL_MS`. Says
 * `ready` once Consul has confirmed it. Leaves on SIGTERM.
 */
import { HttpConsulLink } from '../../../src/control/consul-link.ts'
import { ConsulRegistrar } from '../../../src/discovery/consul-registrar.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { until } from '../wait.ts'

const { CONSUL_HTTP_ADDR = '', SERVICE = '', INSTANCE = '', PORT = '', TTL_MS = '' } = process.env
process.on('disconnect', () => process.exit(1))
const log = { debug() {}, info() {}, warn: console.error, error: console.error }
const world = { clock: systemClock, random: Math.random, log }
const link = new HttpConsulLink({ ...world, address: CONSUL_HTTP_ADDR })
const registrar = new ConsulRegistrar({
  ...world,
  link,
  instance: INSTANCE,
  service: SERVICE,
  meta: {},
  hasIdentity: true,
  localAddress: async () => '127.0.0.1',
  ttlMs: Number(TTL_MS),
})
registrar.listen({ host: '127.0.0.1', port: Number(PORT), protocol: 'http', mtls: 'strict' })
await until(() => registrar.status().state === 'registered', { what: 'the registration' })
process.stdout.write('ready\n')
process.once('SIGTERM', async () => {
  await registrar.deregister()
  await link.close()
  process.disconnect()
})
