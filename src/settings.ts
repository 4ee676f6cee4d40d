import { CONSUL_SETTINGS } from './consul-settings.ts'
import { isAddress, parseAddress } from './core/address.ts'
import type { EndpointSpec } from './core/endpoint.ts'
import { PATH_MODES, type PathMode } from './core/runtime.ts'
import { parseDuration } from './core/units.ts'
import { MEMBER_SETTINGS } from './member-settings.ts'
import { LOCAL_NAMES } from './policy/hosts.ts'
import { durationSetting, joined, nonEmptyList, oneOf, SERVICE, setting } from './setting.ts'

export type { Setting } from './setting.ts'

export const LOG_LEVELS = ['silent', 'error', 'warn', 'info', 'debug'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

const parseSuffixes = (text: string): readonly string[] | undefined => {
  const list = nonEmptyList(text.toLowerCase())?.map((item) => item.replace(/^\./, ''))
  return list?.every((item) => /^[a-z0-9-]+(\.[a-z0-9-]+)*$/.test(item)) ? list : undefined
}
const parseHosts = (text: string): readonly string[] | undefined => {
  const list = nonEmptyList(text.toLowerCase())
  return list?.every((item) => /^(\*|[a-z0-9-]+)(\.[a-z0-9-]+)*$/.test(item)) ? list : undefined
}
export const SETTINGS = {
  service: setting<string>({
    option: 'service',
    variable: 'TULLE_SERVICE',
    fallbackVariable: 'OTEL_SERVICE_NAME',
    describe: 'The name of this service in the mesh.',
    accepts: 'a service name: letters, digits and inner hyphens, at most 63',
    fallback: undefined,
    parse: (text) => (SERVICE.test(text) ? text.toLowerCase() : undefined),
    show: (value) => value,
  }),
  endpoints: setting<ReadonlyMap<string, readonly EndpointSpec[]>>({
    option: 'endpoints',
    variable: 'TULLE_ENDPOINTS',
    describe: 'Addresses of services, where no discovery source is configured.',
    accepts: '`name=address:port,address:port` groups separated by spaces',
    fallback: '',
    parse: parseEndpoints,
    accept: acceptEndpoints,
    show: (value) =>
      [...value]
        .map(([name, list]) => `${name}=${list.map((e) => `${e.address}:${e.port}`).join(',')}`)
        .join(' '),
  }),
  policy: setting<string | object | undefined>({
    option: 'policy',
    variable: 'TULLE_POLICY',
    describe:
      "The policy: a YAML or JSON file, a folder of them, or a key of Consul's KV store. Watched, and reloaded live.",
    accepts: 'the path of a file or a folder, or consul://key (every document below a key that ends with /)',
    fallback: '',
    parse: acceptPolicyPlace,
    accept: (value) => {
      if (typeof value === 'string') return acceptPolicyPlace(value)
      return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
    },
    show: (value) => (typeof value === 'object' ? '(an object)' : (value ?? '')),
  }),
  log: setting<LogLevel>({
    option: 'log',
    variable: 'TULLE_LOG',
    describe: 'The least level that is logged.',
    accepts: `one of ${LOG_LEVELS.join(', ')}`,
    fallback: 'warn',
    parse: oneOf(LOG_LEVELS),
    show: (value) => value,
  }),
  suffixes: setting<readonly string[]>({
    option: 'suffixes',
    variable: 'TULLE_SUFFIXES',
    describe: 'Host suffixes of mesh names: `http://orders.<suffix>` is a mesh call.',
    accepts: 'host suffixes separated by commas, such as mesh,mesh.internal',
    fallback: 'mesh,mesh.internal',
    parse: parseSuffixes,
    accept: (value) => joined(value, parseSuffixes),
    show: (value) => value.join(','),
  }),
  policyHosts: setting<readonly string[]>({
    option: 'policyHosts',
    variable: 'TULLE_POLICY_HOSTS',
    describe:
      'Host names that a policy may claim with `hosts:`; `*` alone is any single label, `*.internal` any name that ends so.',
    accepts: 'host patterns separated by commas, such as *,*.internal,orders.example.com',
    fallback: LOCAL_NAMES.join(','),
    parse: parseHosts,
    accept: (value) => joined(value, parseHosts),
    show: (value) => value.join(','),
  }),
  paths: setting<PathMode>({
    option: 'paths',
    variable: 'TULLE_PATHS',
    describe: 'How the path of an inbound request is normalised before anything judges it.',
    accepts: `one of ${PATH_MODES.join(', ')}`,
    fallback: 'merge-slashes',
    parse: oneOf(PATH_MODES),
    show: (value) => value,
  }),
  startTimeoutMs: durationSetting({
    option: 'startTimeout',
    variable: 'TULLE_START_TIMEOUT',
    describe: 'How long each part of the mesh may take to start.',
    fallback: '10s',
  }),
  drainGraceMs: durationSetting({
    option: 'drainGrace',
    variable: 'TULLE_DRAIN_GRACE',
    describe: 'How long requests in flight may take to finish during a drain.',
    fallback: '30s',
  }),
  drainDelayMs: setting<number | 'auto'>({
    option: 'drainDelay',
    variable: 'TULLE_DRAIN_DELAY',
    describe:
      'How long a draining instance goes on accepting, so that callers learn of it; `auto` is 5s where it is registered and 0s where it is not.',
    accepts: 'a duration such as 250ms, 2s or 1m30s, or auto',
    fallback: 'auto',
    parse: (text) => (text === 'auto' ? 'auto' : parseDuration(text)),
    accept: (value) => {
      if (typeof value === 'number') return value >= 0 ? value : undefined
      if (value === 'auto') return 'auto'
      return typeof value === 'string' ? parseDuration(value) : undefined
    },
    show: (value) => (value === 'auto' ? 'auto' : `${value}ms`),
  }),
  ...MEMBER_SETTINGS,
  ...CONSUL_SETTINGS,
} as const

/**
 * No other scheme: a URL taken for a path would be a file that is not there. Users and queries of URLs are not parts of a
 * key, and would be shown with it.
 */
function acceptPolicyPlace(text: string): string | undefined {
  if (/^consul:\/\/[^/@?#][^@?#]*$/.test(text)) return text
  return /^(?:consul:|[a-z][a-z0-9+.-]+:\/\/)/i.test(text) ? undefined : text
}

function parseEndpoints(text: string): ReadonlyMap<string, readonly EndpointSpec[]> | undefined {
  const found = new Map<string, EndpointSpec[]>()
  for (const group of text.split(/\s+/).filter((part) => part !== '')) {
    const [name, list, ...rest] = group.split('=')
    const addresses = list?.split(',').map(parseAddress)
    if (name === undefined || !SERVICE.test(name) || rest.length > 0 || found.has(name.toLowerCase()))
      return undefined
    if (addresses === undefined || addresses.includes(undefined)) return undefined
    found.set(name.toLowerCase(), addresses as EndpointSpec[])
  }
  return found
}

function acceptEndpoints(value: unknown): ReadonlyMap<string, readonly EndpointSpec[]> | undefined {
  if (typeof value === 'string') return parseEndpoints(value)
  if (typeof value !== 'object' || value === null) return undefined
  const found = new Map<string, EndpointSpec[]>()
  for (const [name, list] of Object.entries(value)) {
    const addresses = (Array.isArray(list) ? list : [list]).map((item: unknown) =>
      typeof item === 'string' ? parseAddress(item) : acceptSpec(item),
    )
    if (!SERVICE.test(name) || addresses.includes(undefined)) return undefined
    found.set(name.toLowerCase(), addresses as EndpointSpec[])
  }
  return found
}

function acceptSpec(value: unknown): EndpointSpec | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { address, port } = value as Partial<EndpointSpec>
  return typeof address === 'string' && typeof port === 'number' && isAddress(address, port)
    ? (value as EndpointSpec)
    : undefined
}
