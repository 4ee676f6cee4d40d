import { readFileSync } from 'node:fs'
import { closest } from 'fastest-levenshtein'
import type { ConsulOptions } from './consul-settings.ts'
import type { EndpointSpec } from './core/endpoint.ts'
import { MeshError } from './core/errors.ts'
import type { AccessLog } from './core/events.ts'
import type { MtlsMode } from './core/identity.ts'
import type { Clock, Logger, Random } from './core/ports.ts'
import type { PathMode } from './core/runtime.ts'
import type { PolicyDocument } from './policy-document.ts'
import { type LogLevel, SETTINGS, type Setting } from './settings.ts'

export type { ConsulOptions }

/** What `createMesh` takes. Everything may come from the environment instead; options win over it. */
export interface MeshOptions {
  /** The name of this service. Environment: `TULLE_SERVICE`, else `OTEL_SERVICE_NAME`. */
  readonly service?: string | undefined
  /** Addresses by service: `{ orders: ['127.0.0.1:4001'] }`. Environment: `TULLE_ENDPOINTS`. */
  readonly endpoints?:
    | string
    | Readonly<Record<string, string | readonly (string | EndpointSpec)[]>>
    | undefined
  /** A policy document, or the path of a file or folder that holds it. Environment: `TULLE_POLICY`. */
  readonly policy?: string | PolicyDocument | undefined
  /** The least level that is logged; default `warn`. Environment: `TULLE_LOG`. */
  readonly log?: LogLevel | undefined
  /** Where log lines go; default one line each on standard error. */
  readonly logger?: Logger | undefined
  /** Called once for every outgoing call and inbound request, at its end. */
  readonly accessLog?: AccessLog | undefined
  /** Host suffixes of mesh names; default `mesh` and `mesh.internal`. Environment: `TULLE_SUFFIXES`. */
  readonly suffixes?: readonly string[] | undefined
  /** Host patterns a policy's `hosts:` may claim. Environment: `TULLE_POLICY_HOSTS`. */
  readonly policyHosts?: readonly string[] | undefined
  /** How inbound paths are normalised; default `merge-slashes`. Environment: `TULLE_PATHS`. */
  readonly paths?: PathMode | undefined
  /** How long each part may take to start, in milliseconds or as a duration; default 10 s. */
  readonly startTimeout?: number | string | undefined
  /** How long requests in flight may take to finish during a drain; default 30 s. */
  readonly drainGrace?: number | string | undefined
  /** How long a draining instance goes on accepting; default 5 s where it is registered, else 0. */
  readonly drainDelay?: number | string | undefined
  /** Where the planes are: https URLs. A join token says it too. Environment: `TULLE_PLANE_URL`. */
  readonly plane?: string | readonly string[] | undefined
  /** The secret a first certificate is had for. Environment: `TULLE_JOIN_TOKEN`, `TULLE_JOIN_TOKEN_FILE`. */
  readonly joinToken?: string | undefined
  /** Roots to believe, PEM or SPIFFE JWKS. Environment: `TULLE_TRUST_BUNDLE`, `TULLE_TRUST_BUNDLE_FILE`. */
  readonly trustBundle?: string | undefined
  /** A certificate chain from files instead of the plane. Environment: `TULLE_CERT_FILE`. */
  readonly certFile?: string | undefined
  /** Its private key. Environment: `TULLE_KEY_FILE`. */
  readonly keyFile?: string | undefined
  /** Default `plane` where there is one, else `static`. Environment: `TULLE_DISCOVERY`. */
  readonly discovery?: 'plane' | 'consul' | 'static' | undefined
  /** The Consul agent of this machine. Environment: that of Consul's own tools, `CONSUL_HTTP_ADDR` and so on. */
  readonly consul?: ConsulOptions | undefined
  /** Mutual TLS in both directions; default `strict` where there is an identity, else `disable`. Environment: `TULLE_MTLS`. */
  readonly mtls?: MtlsMode | undefined
  /** Of what is served; default as `mtls`. Environment: `TULLE_INBOUND_MTLS`. */
  readonly inbound?: { readonly mtls?: MtlsMode | undefined } | undefined
  /** Where others reach this process: `host`, `host:port` or `:port`. Environment: `TULLE_ADVERTISE`. */
  readonly advertise?: string | undefined
  /** Where certificate, key, policy and endpoints are kept between runs. Environment: `TULLE_STATE_DIR`. */
  readonly stateDir?: string | undefined
  /** Whether the private key is kept there too; default true. Environment: `TULLE_STATE_KEYS`. */
  readonly stateKeys?: boolean | undefined
  /** Where `/livez` and `/readyz` answer in plaintext. Environment: `TULLE_HEALTH_PORT`. */
  readonly healthPort?: number | undefined
  /** Told to the registry. Environment: `TULLE_ZONE`. */
  readonly zone?: string | undefined
  /** Told to the registry. Environment: `TULLE_VERSION`. */
  readonly version?: string | undefined
  /** Told to the registry; default 1. Environment: `TULLE_WEIGHT`. */
  readonly weight?: number | undefined
  /** Time, for tests: `tulle/testing` has one that moves only when told. Default the system's, monotonic. */
  readonly clock?: Clock | undefined
  /** Chance, for tests: uniform in [0, 1). Default the system's. */
  readonly random?: Random | undefined
  /** The environment to read; default `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
}

type Values = {
  readonly [K in keyof typeof SETTINGS]: (typeof SETTINGS)[K] extends Setting<infer T> ? T : never
}

/** Where a value came from. */
export interface Origin {
  readonly setting: Setting<unknown>
  readonly shown: string
  /** `option`, `default`, or the environment variable's name. */
  readonly source: string
  /** The file the value was read from. */
  readonly file?: string | undefined
}

export interface Config extends Values {
  readonly logger: Logger | undefined
  readonly accessLog: AccessLog | undefined
  readonly clock: Clock | undefined
  readonly random: Random | undefined
  readonly origins: readonly Origin[]
  /** What is odd but not wrong: variables nobody knows. Logged at start. */
  readonly warnings: readonly string[]
}

/** Variables of ours that are not settings of a mesh. */
const OTHER_VARIABLES = ['TULLE_TEST_NODE', 'TULLE_ADMIN_TOKEN', 'TULLE_ADMIN_TOKEN_FILE']

/**
 * Options and environment → one validated configuration. The only reader of `process.env`.
 * @throws {MeshError} TULLE_CONFIG naming the option or variable, its value and what is accepted
 */
export function readConfig(options: MeshOptions = {}): Config {
  const env = options.env ?? process.env
  const given = options as Readonly<Record<string, unknown>>
  const values: Record<string, unknown> = {}
  const origins: Origin[] = []
  for (const [key, setting] of Object.entries(SETTINGS) as [string, Setting<unknown>][]) {
    const { value, source, file } = readSetting(setting, optionOf(given, setting.option), env)
    values[key] = value
    const shown = setting.secret && value !== '' ? '********' : maskUserinfo(setting.show(value))
    origins.push({ setting, source, shown, file })
  }
  return {
    ...(values as unknown as Values),
    logger: options.logger,
    accessLog: options.accessLog,
    clock: options.clock,
    random: options.random,
    origins,
    warnings: [...unknownVariables(env), ...unknownOptions(given)],
  }
}

function readSetting(
  setting: Setting<unknown>,
  option: unknown,
  env: Readonly<Record<string, string | undefined>>,
): { value: unknown; source: string; file?: string } {
  if (option !== undefined) {
    const value = setting.accept
      ? setting.accept(option)
      : typeof option === 'string'
        ? setting.parse(option)
        : undefined
    if (value === undefined) throw mistake(`option ${setting.option}`, option, setting)
    return { value, source: 'option' }
  }
  for (const name of [setting.variable, setting.fallbackVariable]) {
    const text = name === undefined ? undefined : env[name]
    if (name === undefined || text === undefined || text === '') continue
    const value = setting.parse(text.trim())
    if (value === undefined) throw mistake(name, text, setting)
    return { value, source: name }
  }
  const fromFile = setting.file === true ? readFromFile(setting, env) : undefined
  if (fromFile !== undefined) return fromFile
  if (setting.fallback === undefined) {
    throw new MeshError('TULLE_CONFIG', `${setting.variable} is not set: expected ${setting.accepts}`, {
      layer: 'config',
      hint: `Set ${setting.variable}, or give createMesh({ ${setting.option} }).`,
    })
  }
  return { value: setting.parse(setting.fallback), source: 'default' }
}

const MAX_FILE_BYTES = 1024 * 1024

/** `<VARIABLE>_FILE`: secrets as Kubernetes and systemd hand them out. */
function readFromFile(
  setting: Setting<unknown>,
  env: Readonly<Record<string, string | undefined>>,
): { value: unknown; source: string; file: string } | undefined {
  const source = `${setting.variable}_FILE`
  const file = env[source]
  if (file === undefined || file === '') return undefined
  let text: string
  try {
    text = readFileSync(file, 'utf8').trim()
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new MeshError('TULLE_CONFIG', `${source}: ${why}`, { layer: 'config', cause })
  }
  const value = text === '' || text.length > MAX_FILE_BYTES ? undefined : setting.parse(text)
  if (value === undefined)
    throw new MeshError('TULLE_CONFIG', `${source}: expected ${setting.accepts} in ${file}`, {
      layer: 'config',
    })
  return { value, source, file }
}

function mistake(name: string, value: unknown, setting: Setting<unknown>): MeshError {
  const shown = setting.secret
    ? '********'
    : maskUserinfo(typeof value === 'string' ? `"${value}"` : String(JSON.stringify(value)))
  return new MeshError('TULLE_CONFIG', `${name}: expected ${setting.accepts}, found ${shown}`, {
    layer: 'config',
  })
}

/** `scheme://user:password@host?token=secret` without what must not be seen. */
function maskUserinfo(text: string): string {
  return text
    .replace(/(\w+:\/\/)[^@/\s]+@/g, '$1********@')
    .replace(/(\w+:\/\/[^\s?#"]*[?#])[^\s"]+/g, '$1********')
}

function unknownVariables(env: Readonly<Record<string, string | undefined>>): string[] {
  const known = [
    ...(Object.values(SETTINGS) as Setting<unknown>[]).flatMap(({ variable, file }) =>
      file === true ? [variable, `${variable}_FILE`] : [variable],
    ),
    ...OTHER_VARIABLES,
  ]
  return Object.keys(env)
    .filter((name) => name.startsWith('TULLE_') && !known.includes(name))
    .map((name) => `${name} is not a variable of tulle; did you mean ${closest(name, known)}?`)
}

/** `consul.address` is `{ consul: { address } }`. */
function optionOf(given: Readonly<Record<string, unknown>>, path: string): unknown {
  const [group, name] = path.split('.') as [string, string?]
  const value = given[group]
  if (name === undefined) return value
  if (value === undefined) return undefined
  if (typeof value !== 'object' || value === null)
    throw new MeshError(
      'TULLE_CONFIG',
      `option ${group}: expected an object such as { ${name}: … }, found ${JSON.stringify(value)}`,
      { layer: 'config' },
    )
  return (value as Readonly<Record<string, unknown>>)[name]
}

const OTHER_OPTIONS = ['logger', 'accessLog', 'clock', 'random', 'env']

function unknownOptions(given: Readonly<Record<string, unknown>>): string[] {
  const settings = Object.values(SETTINGS).map(({ option }) => option as string)
  const groups = new Set(settings.flatMap((name) => (name.includes('.') ? [name.split('.')[0]] : [])))
  const known = [...settings, ...OTHER_OPTIONS]
  return Object.entries(given)
    .flatMap(([name, value]) =>
      groups.has(name) ? Object.keys(value ?? {}).map((inner) => `${name}.${inner}`) : [name],
    )
    .filter((name) => !known.includes(name))
    .map((name) => `createMesh: ${name} is not an option; did you mean ${closest(name, known)}?`)
}

/** Whether anything gives this process an identity: files, a plane, or Connect where TLS is spoken at all. */
export function hasIdentity(config: Config): boolean {
  const { certFile, keyFile, planes, joinToken, discovery } = config
  const issued = Boolean(certFile || keyFile || joinToken) || planes.length > 0
  return issued || (discovery === 'consul' && usesTls(config))
}

/** As the local configuration has it, possible or not: strict mutual TLS takes an identity. */
export function localMtls({ mtls, inbound, origins }: Config, identity: boolean) {
  const written =
    mtls !== '' && origins.some(({ setting, source }) => setting.option === 'mtls' && source !== 'default')
  const outbound = mtls || (identity ? 'strict' : 'disable')
  return { outbound, inbound: inbound.mtls ?? outbound, written }
}

function usesTls({ mtls, inbound }: Config): boolean {
  return mtls !== 'disable' || (inbound.mtls ?? 'disable') !== 'disable'
}
