import type { Assembly } from './assembly.ts'
import type { Listener } from './core/runtime.ts'
import type { RegistrarStatus } from './discovery/registration.ts'
import type { ServiceView } from './endpoints/view.ts'
import { notHonouredText } from './policy/consul/not-honoured.ts'
import type { ConsulHealth, Health, PlaneHealth } from './report.ts'

/** What state a mesh is in, put together from its parts. Never throws. */
export function healthOf({
  config,
  lifecycle,
  endpoints,
  policies,
  addresses,
  runtime,
  gate,
  member,
}: Assembly): Health {
  const { state } = lifecycle
  const views = endpoints.view().filter(({ service, ready }) => ready || addresses.follows(service))
  const listeners = [...runtime.servers].flatMap(({ listener }) => (listener === undefined ? [] : [listener]))
  const identity = member.identity?.health()
  const plane = planeOf({ member })
  const consul = member.consul?.health()
  const degraded = [
    ...policies.refused.map((refused) => `policy: ${refused}`),
    ...addresses.problems.map((problem) => `discovery: ${problem}`),
    ...(identity?.problem === undefined ? [] : [`identity: ${identity.problem}`]),
    ...(plane === undefined || state === 'idle' ? [] : stale(plane)),
    ...(consul === undefined || state === 'idle' ? [] : withoutAgent(consul)),
    ...views.flatMap(complaints),
  ]
  return {
    service: config.service,
    state,
    ok: state === 'ready' && degraded.length === 0,
    degraded,
    policy: { version: runtime.snapshot.version, refused: policies.refused },
    services: views.map(({ endpoints: _, ...view }) => view),
    inFlight: gate.inFlight,
    listeners,
    identity,
    plane,
    consul,
    notes: [
      ...(runtime.identity === undefined ? [] : listeners.flatMap(publicDoor)),
      ...(consul?.entries?.notHonoured ?? []).map(notHonouredText),
    ],
  }
}

function planeOf({ member }: Pick<Assembly, 'member'>): PlaneHealth | undefined {
  if (member.planes.length === 0) return undefined
  return {
    urls: member.planes,
    policy: member.followed()?.status(),
    endpoints: member.registry?.status(),
    registration: member.consul?.mesh === undefined ? member.registrar?.status() : undefined,
  }
}

function withoutAgent(consul: ConsulHealth): string[] {
  const { policy, endpoints, registration, intentions, entries } = consul
  return [
    ...stale({ policy, endpoints, registration }),
    ...(intentions?.problem === undefined
      ? []
      : [`intentions${aged(intentions.source, intentions.ageMs)}: ${intentions.problem}`]),
    ...(intentions?.notUnderstood ?? []).map((what) => `intentions: ${what}`),
    ...(entries?.problems ?? []).map((problem) => `config entries: ${problem}`),
  ]
}

interface Sources {
  readonly policy: Told | undefined
  readonly endpoints: Told | undefined
  readonly registration: Pick<RegistrarStatus, 'problem'> | undefined
}

interface Told {
  readonly source: string
  readonly ageMs: number | undefined
  readonly problem: string | undefined
}

/** What goes on without the plane or the agent, and how old it is. */
function stale({ policy, endpoints, registration }: Sources): string[] {
  return [
    ...(policy?.problem === undefined
      ? []
      : [`policy${aged(policy.source, policy.ageMs)}: ${policy.problem}`]),
    ...(endpoints?.problem === undefined
      ? []
      : [`endpoints${aged(endpoints.source, endpoints.ageMs)}: ${endpoints.problem}`]),
    ...(registration?.problem === undefined ? [] : [`registration: ${registration.problem}`]),
  ]
}

function aged(source: string, ageMs: number | undefined): string {
  return ageMs === undefined ? '' : ` (from ${source}, ${Math.round(ageMs / 1000)} s old)`
}

function publicDoor({ host, port, mtls }: Listener): string[] {
  return mtls === 'disable' ? [`${host}:${port} is a public door: plaintext, no peer is verified there`] : []
}

function complaints({ service, ready, known, available, panic }: ServiceView): string[] {
  if (!ready) return [`${service}: no endpoint set has arrived yet`]
  if (known === 0) return [`${service}: no endpoint is known`]
  if (panic) return [`${service}: only ${available} of ${known} endpoints are healthy, so all are used`]
  return []
}
