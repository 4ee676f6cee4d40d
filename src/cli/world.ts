import type { ConsulAgentOptions } from '../control/consul-agent.ts'
import type { ConsulLink } from '../core/consul.ts'
import type { Identity } from '../core/identity.ts'
import type { PlaneLink } from '../core/plane.ts'

export type Env = Readonly<Record<string, string | undefined>>

/** What commands reach beyond their own text, so that tests can stand in for it. */
export interface World {
  readonly env: Env
  /** Where relative paths begin. */
  readonly cwd: string
  /** Milliseconds since 1970. */
  wall(): number
  /** Who runs the command, for the history of policy: `alice@laptop`. */
  readonly author: string
  openLink(to: LinkTarget): Promise<PlaneLink>
  openConsul(agent: ConsulAgentOptions): ConsulLink
  startPlane(options: PlaneSettings): Promise<RunningPlane>
  startConsulPlane(options: ConsulPlaneSettings): Promise<RunningConsulPlane>
  /** Resolves with the signal that asks the program to end. */
  stopped(): Promise<string>
}

/** What a link to the plane proves itself by, and whom it believes. */
export interface LinkTarget {
  readonly urls: readonly string[]
  /** An admin or a join token. */
  readonly token?: string | undefined
  /** PEM, where they are known otherwise than by the token's pin. */
  readonly roots?: readonly string[] | undefined
  /** Undefined: the token's. */
  readonly trustDomain?: string | undefined
  /** A certificate of ours to show. */
  readonly identity?: Pick<Identity, 'current' | 'refusal' | 'onChange'> | undefined
}

/** What `tulle plane` was asked for; undefined is the plane's own default. */
export interface PlaneSettings {
  readonly dir: string
  readonly port: number
  readonly host?: string | undefined
  /** Throw-away state: a CA of its own, made anew at every start. */
  readonly dev: boolean
  readonly trustDomain?: string | undefined
  readonly dc?: string | undefined
  readonly caCertFile?: string | undefined
  readonly caKeyFile?: string | undefined
  readonly svidTtlMs?: number | undefined
  /** Services whose SVID may write policy and make tokens. */
  readonly admins: readonly string[]
  /** Host names or addresses that tokens name. */
  readonly advertise?: readonly string[] | undefined
  /** Host names a policy may claim. */
  readonly policyHosts?: readonly string[] | undefined
  readonly newAdminToken: boolean
}

export interface RunningPlane {
  readonly url: string
  /** Where it was made by this start. */
  readonly adminToken: string | undefined
  readonly adminTokenFile: string
  readonly dir: string
  /** A join token that is good for any service: of a plane for development only. */
  devToken(): Promise<string>
  close(): Promise<void>
}

/** What `tulle plane --store consul://…` was asked for; undefined is the plane's own default. */
export interface ConsulPlaneSettings {
  readonly store: string
  /** As the variables of Consul's own tools say. */
  readonly agent: ConsulAgentOptions
  /** For the audit log and the admin token. */
  readonly dir?: string | undefined
  readonly port: number
  readonly host?: string | undefined
  readonly admins: readonly string[]
  readonly advertise?: readonly string[] | undefined
  readonly policyHosts?: readonly string[] | undefined
  readonly newAdminToken: boolean
}

export interface RunningConsulPlane {
  readonly url: string
  readonly store: string
  /** Where it was made by this start. */
  readonly adminToken: string | undefined
  /** Where it was written; undefined: nowhere. */
  readonly adminTokenFile: string | undefined
  /** Where the one in force was shown, in words. */
  readonly adminTokenShown: string | undefined
  close(): Promise<void>
}
