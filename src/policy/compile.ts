import type { RouteTraits } from '../core/piece.ts'
import type { Params, Route, ServicePlan, Snapshot } from '../core/plan.ts'
import { clash, compare, conflicts } from './conflicts.ts'
import type { Level, PolicyDocument, RouteEntry, ServiceEntry } from './document.ts'
import { RouteTable } from './match.ts'
import { deepFreeze, settle } from './merge.ts'
import type { Problem } from './problem.ts'
import { type AnyPiece, allPieces } from './schema.ts'

/** The version of what no document says anything about. */
export const BUILT_IN = 'built-in'
const NO_TRAITS: RouteTraits = { idempotent: false }
const NOTHING: ServiceEntry = Object.freeze({})

export interface CompileOptions {
  /** Services that discovery or `TULLE_ENDPOINTS` knows: they get a plan although no document names them. */
  readonly knownServices?: Iterable<string> | undefined
  /** Plans of it are kept where their version is the same. */
  readonly previous?: Snapshot | undefined
  /** The version of the whole. */
  readonly version: string
}

export interface Compiled {
  readonly snapshot: Snapshot
  /** Clashes between documents; of two that clash the one whose name sorts later was left out. */
  readonly problems: readonly Problem[]
}

/**
 * Documents → one frozen snapshot. Pure. A service whose document did not change, nor the one with the defaults,
 * keeps the same plan object. A plan's version is that of its document, and of the defaults' where they come from
 * another one (`4f1c+09ab`).
 */
export function compile(
  documents: Iterable<PolicyDocument>,
  modules: readonly AnyPiece[],
  { knownServices = [], previous, version }: CompileOptions,
): Compiled {
  const all = [...documents]
  const clashes = conflicts(all)
  const refused = new Set(clashes.map(({ later }) => later.document))
  const used = all.filter((document) => !refused.has(document)).sort((a, b) => compare(a.name, b.name))
  const general = used.find(({ defaults }) => defaults !== undefined)
  const pieces = allPieces(modules)
  const services = new Map<string, ServicePlan>()
  const hosts = new Map<string, ServicePlan>()
  const add = (service: string, entry: ServiceEntry, document: PolicyDocument | undefined): void => {
    const planVersion = versionOf(document, general)
    const kept = previous?.services.get(service)
    const plan =
      kept?.version === planVersion ? kept : new Plan(service, planVersion, entry, general?.defaults, pieces)
    services.set(service, plan)
    for (const host of plan.hosts) hosts.set(host, plan)
  }
  for (const document of used) for (const [service, entry] of document.services) add(service, entry, document)
  for (const service of knownServices) if (!services.has(service)) add(service, NOTHING, undefined)
  return {
    snapshot: Object.freeze({ version, services, hosts }),
    problems: clashes.map((conflict) => clash(conflict, 'later')),
  }
}

/** The plan of a service that no document names and no defaults touch. */
export function builtInPlan(service: string, modules: readonly AnyPiece[]): ServicePlan {
  return new Plan(service, BUILT_IN, NOTHING, undefined, allPieces(modules))
}

function versionOf(document: PolicyDocument | undefined, general: PolicyDocument | undefined): string {
  if (document === undefined) return general?.version ?? BUILT_IN
  return general === undefined || general === document
    ? document.version
    : `${document.version}+${general.version}`
}

class Plan implements ServicePlan {
  readonly service: string
  readonly version: string
  readonly params: Params
  readonly hosts: readonly string[]
  readonly endpoints: ServicePlan['endpoints']
  readonly routes: readonly Route[]
  readonly #table: RouteTable

  constructor(
    service: string,
    version: string,
    entry: ServiceEntry,
    defaults: Level | undefined,
    pieces: readonly AnyPiece[],
  ) {
    this.service = service
    this.version = version
    this.params = settleAll(pieces, [defaults, entry])
    this.hosts = Object.freeze([...(entry.hosts ?? [])])
    this.endpoints = deepFreeze([...(entry.endpoints ?? [])])
    const route = (name: string, own: RouteEntry | undefined): Route => {
      const params = own === undefined ? this.params : settleAll(pieces, [defaults, entry, own])
      const match = own === undefined ? undefined : deepFreeze(own.match)
      const traits = {
        ...traitsOf(pieces, params),
        ...(own?.idempotent === true ? { idempotent: true } : {}),
      }
      return Object.freeze({ service, name, params, policyVersion: version, match, ...traits })
    }
    const written = (entry.routes ?? []).map((own, index) => route(`${service}.routes[${index}]`, own))
    const otherwise = route(service, undefined)
    this.routes = Object.freeze([...written, otherwise])
    this.#table = new RouteTable(written, otherwise)
    Object.freeze(this)
  }

  route(method: string, path: string, protocol?: 'http' | 'grpc'): Route {
    return this.#table.find(method, path, protocol)
  }
}

function settleAll(pieces: readonly AnyPiece[], levels: readonly (Level | undefined)[]): Params {
  return Object.freeze(
    Object.fromEntries(
      pieces.map((piece) => [
        piece.key,
        settle(
          piece,
          levels.map((level) => level?.[piece.key]),
        ),
      ]),
    ),
  )
}

function traitsOf(pieces: readonly AnyPiece[], params: Params): RouteTraits {
  return Object.assign({}, NO_TRAITS, ...pieces.map((piece) => piece.traits?.(params[piece.key])))
}
