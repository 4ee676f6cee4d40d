import type { Arm } from './arm.ts'

type Rest = Pick<Arm, 'name' | 'label'> & Partial<Arm>
const ARMS: readonly Rest[] = [
  { name: 'direct', label: 'plain, nothing between (A)' },
  { name: 'direct-mtls', label: 'Pool and https.Server, mutual TLS', mtls: true, against: 'direct' },
  {
    name: 'mesh',
    label: 'tulle on both sides, mutual TLS',
    caller: 'mesh-dispatcher',
    armament: 'armed',
    upstream: 'mesh',
    mtls: true,
    against: 'direct',
  },
  { name: 'nginx', label: 'nginx pair', proxies: 'nginx', against: 'direct' },
  { name: 'haproxy', label: 'haproxy pair', proxies: 'haproxy', against: 'direct' },
  { name: 'connect', label: 'consul connect proxy pair', proxies: 'connect', against: 'direct' },
  { name: 'direct-again', label: 'plain, nothing between (A again)', against: 'direct', again: 'direct' },
]

/** The same two applications: Pool.dispatch on one side, an http.Server on the other. Sidecars speak mutual TLS between them. */
export const SIDECAR_ARMS: readonly Arm[] = ARMS.map((rest) => ({
  group: 'sidecar',
  caller: 'dispatch',
  upstream: 'http',
  methods: ['GET', 'POST'],
  quick: true,
  ...rest,
}))
