import type { RouteTraits } from '../core/piece.ts'
import type { Params, Route, ServicePlan, Snapshot } from '../core/plan.ts'
import { type BasePolicy, NO_BASE } from './base.ts'
import { clash } from './conflicts.ts'
import type { PolicyDocument, ServiceEntry } from './document.ts'
import { levelsOf, type PlanLevel, type RouteLevels, type ServiceLevels } from './levels.ts'
import { RouteTable } from './match.ts'
import { deepFreeze, settle } from './merge.ts'
import type { Problem } from './problem.ts'
import { type AnyPiece, allPieces } from './schema.ts'
import { Selection } from './selection.ts'

/** The version of what no document says anything about. */
export const BUILT_IN = 'built-in'
const NO_TRAITS: RouteTraits = { idempotent: false }
const NOTHING: ServiceEntry = Object.freeze({})

export interface CompileOptions {
  /** Services that discovery or `TULLE_ENDPOINTS` knows: they get a plan although no document names them. */
  readonly knownServices?: Iterable<string> | undefined
  /** Plans of it are kept where their version is the same. */
  readonly previous?: Snapshot | undefined
  /** The version of the documents. */
  readonly version: string
  /** What stands below the documents; its services get a plan too. */
  readonly base?: BasePolicy | undefined
}

export interface Compiled {
  readonly snapshot: Snapshot
  /** Clashes between documents; of two that clash the one whose name sorts later was left out. */
  readonly problems: readonly Problem[]
}

/**
 * Documents → one frozen snapshot. Pure. A service whose document did not change, nor the one with the defaults, nor
 * what stands below them, keeps the same plan object. A plan's version is that of its document, of the defaults' where
 * they come from another one, and of what stands below them (`4f1c+09ab`).
 */
export function compile(
  documents: Iterable<PolicyDocument>,
  modules: readonly AnyPiece[],
  { knownServices = [], previous, version, base }: CompileOptions,
): Compiled {
  const { documents: used, general, clashes } = new Selection(documents)
  const pieces = allPieces(modules)
  const services = new Map<string, ServicePlan>()
  const hosts = new Map<string, ServicePlan>()
  const add = (service: string, document: PolicyDocument | undefined): void => {
    const below = base?.services.get(service) ?? base?.general ?? NO_BASE
    const planVersion = versionOf(document, general, below.version)
    const kept = previous?.services.get(service)
    const plan =
      kept?.version === planVersion
        ? kept
        : new Plan(
            service,
            planVersion,
            document?.services.get(service) ?? NOTHING,
            levelsOf({ service, base: below, general, document }),
            pieces,
          )
    services.set(service, plan)
    for (const host of plan.hosts) hosts.set(host, plan)
  }
  for (const document of used) for (const service of document.services.keys()) add(service, document)
  const others = [...(base?.services.keys() ?? []), ...knownServices]
  for (const service of others) if (!services.has(service)) add(service, undefined)
  const whole = base?.version === undefined ? version : `${version}+${base.version}`
  return {
    snapshot: Object.freeze({ version: whole, services, hosts }),
    problems: clashes.map((conflict) => clash(conflict, 'later')),
  }
}

/** The plan of a service that no document names and no defaults touch. */
export function builtInPlan(service: string, modules: readonly AnyPiece[]): ServicePlan {
  const nothing = levelsOf({ service, general: undefined, document: undefined })
  return new Plan(service, BUILT_IN, NOTHING, nothing, allPieces(modules))
}

function versionOf(
  document: PolicyDocument | undefined,
  general: PolicyDocument | undefined,
  below: string | undefined,
): string {
  const versions = new Set([document?.version, general?.version, below])
  versions.delete(undefined)
  return versions.size === 0 ? BUILT_IN : [...versions].join('+')
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
    said: ServiceLevels,
    pieces: readonly AnyPiece[],
  ) {
    this.service = service
    this.version = version
    this.params = settleAll(pieces, said.levels)
    this.hosts = Object.freeze([...(entry.hosts ?? [])])
    this.endpoints = deepFreeze([...(entry.endpoints ?? [])])
    const route = (name: string, own: RouteLevels | undefined): Route => {
      const params = own === undefined ? this.params : settleAll(pieces, own.levels)
      const match = own === undefined ? undefined : deepFreeze(own.match)
      const traits = {
        ...traitsOf(pieces, params),
        ...(own?.idempotent === true ? { idempotent: true } : {}),
      }
      return Object.freeze({ service, name, params, policyVersion: version, match, ...traits })
    }
    const written = said.routes.map((own, index) => route(`${service}.routes[${index}]`, own))
    const otherwise = route(service, undefined)
    this.routes = Object.freeze([...written, otherwise])
    this.#table = new RouteTable(written, otherwise)
    Object.freeze(this)
  }

  route(method: string, path: string, protocol?: 'http' | 'grpc'): Route {
    return this.#table.find(method, path, protocol)
  }
}

function settleAll(pieces: readonly AnyPiece[], levels: readonly PlanLevel[]): Params {
  return Object.freeze(
    Object.fromEntries(
      pieces.map((piece) => [
        piece.key,
        settle(
          piece,
          levels.map(({ level }) => level[piece.key]),
        ),
      ]),
    ),
  )
}

function traitsOf(pieces: readonly AnyPiece[], params: Params): RouteTraits {
  return Object.assign({}, NO_TRAITS, ...pieces.map((piece) => piece.traits?.(params[piece.key])))
}
