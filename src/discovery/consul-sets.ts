import { setImmediate as nextTurn } from 'node:timers/promises'
import type { EndpointSet, EndpointSpec } from '../core/endpoint.ts'
import { MeshError } from '../core/errors.ts'
import { type JudgeContext, Judged, judge, says } from './consul-health.ts'
import { sorted } from './sorted.ts'

/** One answer of `/v1/health`, judged. */
export interface JudgedAnswer {
  /** In the order of the answer. */
  readonly entries: readonly Judged[]
  /** The same by node and id, for the next answer to be compared with. */
  readonly registrations: ReadonlyMap<string, Judged>
  /** Those to be called, by address and port. */
  readonly set: EndpointSet
  /**
   * Of every instance the checks are critical, so that all of them are called: checks fail together where the agent or
   * the network failed that made them, and a service that is really gone loses nothing (Envoy's panic mode).
   */
  readonly panic: boolean
}

/** Consul counts no instances; a service of more than these is a mistake. */
const MAX_ENTRIES = 50_000
/** How long judging goes on before others get their turn, in milliseconds, and after how many entries it looks. */
const SLICE_MS = 2
const LOOK_EVERY = 16
/** A set of so many is work for those who are told. */
const LONG = 1000
const NOTHING: JudgedAnswer = {
  entries: [],
  registrations: new Map(),
  set: { endpoints: [] },
  panic: false,
}

/**
 * Throws TULLE_CONSUL for an answer with any mistake: wrong types, a port that is none, one registration twice. Lets the
 * event loop turn in between. Where two registrations have one address, which happens when a process is started again
 * before Consul gave up its predecessor, the one that was changed last counts.
 * @param before the last good answer to the same question: what an entry said then is not judged again
 * @param signal broken off: the promise rejects with its reason
 */
export async function judgeAnswer(
  body: unknown,
  context: JudgeContext,
  before: JudgedAnswer = NOTHING,
  signal?: AbortSignal,
): Promise<JudgedAnswer> {
  const wrong = (place: string, what: string): MeshError => refused(context.name, place, what)
  const read = entryReader(context, before)
  if (!Array.isArray(body)) throw wrong('', 'no list')
  if (body.length > MAX_ENTRIES) throw wrong('', `more than ${MAX_ENTRIES} instances`)
  const { now } = context
  let sinceMs = now()
  const entries: Judged[] = []
  const registrations = new Map<string, Judged>()
  const byId = new Map<string, Judged>()
  const spares = new Map<string, Judged>()
  for (let index = 0; index < body.length; index += 1) {
    if (index % LOOK_EVERY === 0 && now() - sinceMs > SLICE_MS) {
      await nextTurn()
      signal?.throwIfAborted()
      sinceMs = now()
    }
    const given: unknown = body[index]
    const one = given instanceof Judged ? given : read(given, index)
    const registration = registrationOf(one.node, one.registration)
    if (registrations.has(registration))
      throw wrong(`[${index}].Service.ID: `, `${one.registration} is there twice on ${one.node}`)
    registrations.set(registration, one)
    entries.push(one)
    const among = one.spec !== undefined ? byId : one.spare !== undefined ? spares : undefined
    const other = among?.get(one.id)
    if (other === undefined || isNewer(one, other)) among?.set(one.id, one)
  }
  const panic = byId.size === 0 && spares.size > 0
  const specs = await sorted(Array.from((panic ? spares : byId).values(), specOf), byAddress)
  // Whoever takes in a long one has a turn of its own for it.
  if (specs.length > LONG) await nextTurn()
  signal?.throwIfAborted()
  const last = before.set.endpoints
  const same = specs.length === last.length && specs.every((spec, index) => spec === last[index])
  return { entries, registrations, set: same ? before.set : { endpoints: specs }, panic }
}

/**
 * Judges each entry while the answer comes, so that of an answer of megabytes nothing else is kept. For
 * `ConsulRequest.eachItem`, one for each answer. Throws as `judgeAnswer` does.
 */
export function entryReader(
  context: JudgeContext,
  before: JudgedAnswer = NOTHING,
): (given: unknown, at?: number) => Judged {
  let count = 0
  return (given, at = count) => {
    count += 1
    return (
      find(before, given, at) ??
      judge(given, context, (path, what) =>
        refused(context.name, `[${at}]${path.map((key) => `.${String(key)}`).join('')}: `, what),
      )
    )
  }
}

/** What was judged last, mostly found where it stood then. */
function find({ entries, registrations }: JudgedAnswer, given: unknown, index: number): Judged | undefined {
  if (entries.length === 0) return undefined
  const here = entries[index]
  if (says(given, here)) return here
  const { Node, Service } = (given ?? {}) as { Node?: { Node?: unknown }; Service?: { ID?: unknown } }
  const there = registrations.get(registrationOf(Node?.Node, Service?.ID))
  return says(given, there) ? there : undefined
}

const registrationOf = (node: unknown, id: unknown): string => `${String(node)}\n${String(id)}`

const specOf = ({ spec, spare }: Judged): EndpointSpec => (spec ?? spare) as EndpointSpec

/** By code unit: the same on every machine, whichever server answered. */
function byAddress(a: EndpointSpec, b: EndpointSpec): number {
  if (a.address === b.address) return a.port - b.port
  return a.address < b.address ? -1 : 1
}

function isNewer(one: Judged, other: Judged): boolean {
  return (one.index ?? 0) > (other.index ?? 0)
}

function refused(name: string, place: string, what: string): MeshError {
  return new MeshError(
    'TULLE_CONSUL',
    `Consul's instances of ${name} are not taken, the last good ones stay: ${place}${what}`,
    { layer: 'discovery', service: name },
  )
}
