import type { Arm } from './arm.ts'

const BOTH = ['GET', 'POST'] as const
type Call = Pick<Arm, 'name' | 'label' | 'caller'> & Partial<Arm>

/** Over an upstream that does as little as it can. */
const CALLS: readonly Call[] = [
  { name: 'socket', label: 'raw socket', caller: 'socket', quick: true },
  { name: 'dispatch', label: 'Pool.dispatch (A)', caller: 'dispatch', quick: true },
  { name: 'undici-request', label: 'undici.request', caller: 'undici-request', quick: true },
  { name: 'fetch', label: 'built-in fetch (A)', caller: 'fetch', quick: true },
  { name: 'http-request', label: 'http.request, keep-alive agent', caller: 'http-request', quick: true },
  {
    name: 'assembled',
    label: 'RetryAgent + opossum + round robin',
    caller: 'assembled',
    armament: 'armed',
    quick: true,
  },
  {
    name: 'assembled-sampled',
    label: 'the same + OTel instrumentation',
    caller: 'assembled',
    armament: 'sampled',
    quick: true,
  },
  {
    name: 'mesh-bare',
    label: 'mesh.dispatcher, bare',
    caller: 'mesh-dispatcher',
    armament: 'bare',
    quick: true,
  },
  {
    name: 'mesh-armed',
    label: 'mesh.dispatcher, armed',
    caller: 'mesh-dispatcher',
    armament: 'armed',
    quick: true,
  },
  {
    name: 'mesh-propagation',
    label: 'mesh.dispatcher, armed + propagation',
    caller: 'mesh-dispatcher',
    armament: 'propagation',
    quick: true,
  },
  {
    name: 'mesh-sampled',
    label: 'mesh.dispatcher, armed + sampled span',
    caller: 'mesh-dispatcher',
    armament: 'sampled',
    quick: true,
  },
  {
    name: 'mesh-request-bare',
    label: 'mesh.request, bare',
    caller: 'mesh-request',
    armament: 'bare',
    against: 'undici-request',
  },
  {
    name: 'mesh-request-armed',
    label: 'mesh.request, armed',
    caller: 'mesh-request',
    armament: 'armed',
    against: 'undici-request',
    quick: true,
  },
  {
    name: 'mesh-request-propagation',
    label: 'mesh.request, armed + propagation',
    caller: 'mesh-request',
    armament: 'propagation',
    against: 'undici-request',
  },
  {
    name: 'mesh-request-sampled',
    label: 'mesh.request, armed + sampled span',
    caller: 'mesh-request',
    armament: 'sampled',
    against: 'undici-request',
  },
  {
    name: 'mesh-fetch-bare',
    label: 'mesh.fetch, bare',
    caller: 'mesh-fetch',
    armament: 'bare',
    against: 'fetch',
  },
  {
    name: 'mesh-fetch-armed',
    label: 'mesh.fetch, armed',
    caller: 'mesh-fetch',
    armament: 'armed',
    against: 'fetch',
    quick: true,
  },
  {
    name: 'mesh-fetch-propagation',
    label: 'mesh.fetch, armed + propagation',
    caller: 'mesh-fetch',
    armament: 'propagation',
    against: 'fetch',
  },
  {
    name: 'mesh-fetch-sampled',
    label: 'mesh.fetch, armed + sampled span',
    caller: 'mesh-fetch',
    armament: 'sampled',
    against: 'fetch',
  },
  {
    name: 'fetch-again',
    label: 'built-in fetch (A again)',
    caller: 'fetch',
    against: 'fetch',
    again: 'fetch',
    quick: true,
  },
  {
    name: 'dispatch-again',
    label: 'Pool.dispatch (A again)',
    caller: 'dispatch',
    again: 'dispatch',
    quick: true,
  },
]

const armOf = (call: Call): Omit<Arm, 'group'> => ({
  upstream: 'socket',
  methods: BOTH,
  ...(call.name !== 'dispatch' && { against: 'dispatch' }),
  ...call,
})

/** Its transport has no TLS, so it is in one group only. Its actions have no methods: it calls, which is GET here. */
const MOLECULER: Arm = {
  name: 'moleculer',
  group: 'http',
  label: 'moleculer, TCP transporter',
  caller: 'moleculer',
  upstream: 'moleculer',
  against: 'dispatch',
  quick: true,
}

/** What two parts of an armed call cost by themselves: four addresses instead of one, and metrics the SDK aggregates. */
const APART: readonly Arm[] = [
  {
    name: 'dispatch-four',
    group: 'http',
    label: 'Pool.dispatch, four pools in turn',
    caller: 'dispatch-four',
    upstream: 'socket',
    against: 'dispatch',
  },
  {
    name: 'mesh-armed-sdk',
    group: 'http',
    label: "mesh.dispatcher, armed, SDK's histograms",
    caller: 'mesh-dispatcher',
    armament: 'armed-sdk',
    upstream: 'socket',
    against: 'dispatch',
  },
]

const byKind = CALLS.map(armOf)
export const HTTP_ARMS: readonly Arm[] = [
  ...byKind.slice(0, 7).map((arm): Arm => ({ ...arm, group: 'http' })),
  MOLECULER,
  ...APART,
  ...byKind.slice(7).map((arm): Arm => ({ ...arm, group: 'http' })),
]
export const TLS_ARMS: readonly Arm[] = byKind.map((arm): Arm => ({ ...arm, group: 'tls', mtls: true }))
