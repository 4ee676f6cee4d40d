import type { Config } from './config.ts'
import { MeshError } from './core/errors.ts'
import type { MtlsMode } from './core/identity.ts'
import type { ServicePlan } from './core/plan.ts'
import type { Clock, Logger, Random } from './core/ports.ts'
import type { LifecycleState } from './core/runtime.ts'
import type { SourceDocument } from './policy/document.ts'
import type { Parsed } from './policy/parse.ts'

/** What the parts of a membership need of the world. */
export interface MemberDeps {
  readonly clock: Clock
  readonly wall: () => number
  readonly random: Random
  readonly log: Logger
}

/** How TLS is used, as the local configuration has it. */
export interface LocalMtls {
  readonly outbound: MtlsMode
  readonly inbound: MtlsMode
  /** Somebody wrote the outbound mode down: then policy may only be stricter. */
  readonly written: boolean
}

export type ParsePolicy = (source: SourceDocument) => Parsed

/** Reading certificates needs a library that takes 50 ms to load: only who has an identity pays for it. */
export const identityRoom = (): Promise<typeof import('./identity/index.ts')> => import('./identity/index.ts')

const MAX_FIRST_MS = 5000

/**
 * How long a start tries for the first certificate, in milliseconds: shorter than the start may take, so that its own
 * reason is what is told.
 */
export function firstCertificateMs({ startTimeoutMs }: Config): number {
  return Math.min(MAX_FIRST_MS, startTimeoutMs / 2)
}

/** What a registry is told of this instance beside its addresses. */
export function metaOf({ weight, version, zone }: Config): {
  readonly weight: number
  readonly version?: string
  readonly zone?: string
} {
  return { weight, ...(version ? { version } : {}), ...(zone ? { zone } : {}) }
}

export function mistake(message: string): MeshError {
  return new MeshError('TULLE_CONFIG', message, { layer: 'config' })
}

/** What the parts ask of the mesh they belong to, while it runs. */
export interface MeshWords {
  /** Undefined: the service is not known. */
  plan(service: string): ServicePlan | undefined
  state(): LifecycleState
}
