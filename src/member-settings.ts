import { isIP } from 'node:net'
import { isAddress, parseAddress } from './core/address.ts'
import { MTLS_MODES, type MtlsMode } from './core/identity.ts'
import { readToken } from './core/plane-wire.ts'
import { joined, nonEmptyList, oneOf, type Setting, setting } from './setting.ts'

type MaybeText = string | undefined

const text = (
  of: Pick<Setting<MaybeText>, 'option' | 'variable' | 'describe' | 'accepts'> & Partial<Setting<MaybeText>>,
): Setting<MaybeText> => ({
  fallback: '',
  parse: (value) => value,
  show: (value) => value ?? '',
  ...of,
})

const parsePlanes = (value: string): readonly string[] | undefined => {
  if (value === '') return []
  return nonEmptyList(value)?.every(isPlaneUrl) === true ? nonEmptyList(value) : undefined
}

function isPlaneUrl(value: string): boolean {
  if (!URL.canParse(value)) return false
  const { protocol, pathname, search, username } = new URL(value)
  return protocol === 'https:' && pathname === '/' && search === '' && username === ''
}

/** An admin token names a service as little as a plane would take it for one. */
const isJoinToken = (value: string): boolean =>
  value.startsWith('tulle_join_') && readToken(value) !== undefined

const parseMode = (value: string): MtlsMode | undefined => oneOf(MTLS_MODES)(value)
const LABEL = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$/
const parsePort = (value: string): number | undefined => {
  const port = /^\d{1,5}$/.test(value) ? Number(value) : 0
  return port >= 1 && port <= 65_535 ? port : undefined
}

/** What makes a process a member of a mesh: the plane, its identity, and what it tells others of itself. */
export const MEMBER_SETTINGS = {
  planes: setting<readonly string[]>({
    option: 'plane',
    variable: 'TULLE_PLANE_URL',
    describe: 'Where the planes are; a join token says it too.',
    accepts: 'https URLs separated by commas, such as https://plane.internal:7400',
    fallback: '',
    parse: parsePlanes,
    accept: (value) => (typeof value === 'string' ? parsePlanes(value) : joined(value, parsePlanes)),
    show: (value) => value.join(','),
  }),
  joinToken: text({
    option: 'joinToken',
    variable: 'TULLE_JOIN_TOKEN',
    describe:
      'What this service proves itself to the plane with for its first certificate (`tulle token create`).',
    accepts: 'a token made by `tulle token create`, which begins with tulle_join_',
    parse: (value) => (value === '' || isJoinToken(value) ? value : undefined),
    secret: true,
    file: true,
  }),
  trustBundle: text({
    option: 'trustBundle',
    variable: 'TULLE_TRUST_BUNDLE',
    describe:
      'The roots to believe: of the plane where no join token names them, of the peers where certificates come from files.',
    accepts: 'certificates in PEM, or a SPIFFE bundle (JWKS)',
    parse: (value) =>
      value === '' || /^\s*(?:-----BEGIN CERTIFICATE-----|\{)/.test(value) ? value : undefined,
    show: (value) => (value ? '(a bundle)' : ''),
    file: true,
  }),
  certFile: text({
    option: 'certFile',
    variable: 'TULLE_CERT_FILE',
    describe: 'The certificate chain (PEM, leaf first) of this service, where no plane issues one. Watched.',
    accepts: 'the path of a file',
  }),
  keyFile: text({
    option: 'keyFile',
    variable: 'TULLE_KEY_FILE',
    describe: 'The private key of `TULLE_CERT_FILE`.',
    accepts: 'the path of a file',
  }),
  discovery: setting<'plane' | 'consul' | 'static' | ''>({
    option: 'discovery',
    variable: 'TULLE_DISCOVERY',
    describe:
      'Where addresses come from: `plane` where there is one, else `static`. `consul` takes identity and intentions from the Consul agent too. Names in `TULLE_ENDPOINTS` always win.',
    accepts: 'plane, consul or static',
    fallback: '',
    parse: oneOf(['plane', 'consul', 'static', '']),
    show: (value) => value,
  }),
  mtls: setting<MtlsMode | ''>({
    option: 'mtls',
    variable: 'TULLE_MTLS',
    describe:
      'Mutual TLS in both directions: `strict` where there is an identity, else `disable`. A service may be named otherwise by the policy.',
    accepts: `one of ${MTLS_MODES.join(', ')}`,
    fallback: '',
    parse: (value) => (value === '' ? '' : parseMode(value)),
    show: (value) => value,
  }),
  inbound: setting<{ readonly mtls?: MtlsMode | undefined }>({
    option: 'inbound',
    variable: 'TULLE_INBOUND_MTLS',
    describe:
      'Mutual TLS of the listeners alone; default as `TULLE_MTLS`. A listener may say it itself: `mesh.serve(app, { mtls })`.',
    accepts: `one of ${MTLS_MODES.join(', ')}; the option is an object such as { mtls: 'permissive' }`,
    fallback: '',
    parse: (value) => {
      const mtls = parseMode(value)
      return value === '' ? {} : mtls && { mtls }
    },
    accept: (value) => {
      if (typeof value !== 'object' || value === null) return undefined
      const { mtls, ...rest } = value as { mtls?: unknown }
      const known = mtls === undefined || MTLS_MODES.some((mode) => mode === mtls)
      return known && Object.keys(rest).length === 0 ? (value as { mtls?: MtlsMode }) : undefined
    },
    show: (value) => value.mtls ?? '',
  }),
  advertise: text({
    option: 'advertise',
    variable: 'TULLE_ADVERTISE',
    describe:
      'The address others reach this process at; default the one it listens on or reaches the plane from.',
    accepts: 'host, host:port or :port',
    parse: (value) => (value === '' || isAdvertise(value) ? value : undefined),
  }),
  stateDir: text({
    option: 'stateDir',
    variable: 'TULLE_STATE_DIR',
    describe:
      'A folder of this service where certificate, key, policy and endpoints are kept (mode 0600), so that it starts while the plane is down.',
    accepts: 'the path of a folder',
  }),
  stateKeys: setting<boolean>({
    option: 'stateKeys',
    variable: 'TULLE_STATE_KEYS',
    describe: 'Whether the private key is kept there too; without it a restart needs the plane.',
    accepts: 'on or off',
    fallback: 'on',
    parse: (value) =>
      ({ on: true, true: true, '1': true, off: false, false: false, '0': false })[value.toLowerCase()],
    accept: (value) => (typeof value === 'boolean' ? value : undefined),
    show: (value) => (value ? 'on' : 'off'),
  }),
  healthPort: setting<number | ''>({
    option: 'healthPort',
    variable: 'TULLE_HEALTH_PORT',
    describe:
      'A port where `/livez` and `/readyz` answer in plaintext, and nothing else: kubelets and load balancers have no SVID.',
    accepts: 'a port number',
    fallback: '',
    parse: (value) => (value === '' ? '' : parsePort(value)),
    accept: (value) =>
      typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 65_535
        ? value
        : undefined,
    show: (value) => String(value),
  }),
  zone: text({
    option: 'zone',
    variable: 'TULLE_ZONE',
    describe: 'Where this process runs, as the registry tells others.',
    accepts: 'letters, digits and . _ + -, at most 128',
    parse: (value) => (value === '' || LABEL.test(value) ? value : undefined),
  }),
  version: text({
    option: 'version',
    variable: 'TULLE_VERSION',
    describe: 'Which version of the service this process runs, as the registry tells others.',
    accepts: 'letters, digits and . _ + -, at most 128',
    parse: (value) => (value === '' || LABEL.test(value) ? value : undefined),
  }),
  weight: setting<number>({
    option: 'weight',
    variable: 'TULLE_WEIGHT',
    describe: 'The share of traffic this process takes where the balancer weighs.',
    accepts: 'a number above 0, at most 1000',
    fallback: '1',
    parse: (value) => acceptWeight(value === '' ? Number.NaN : Number(value)),
    accept: acceptWeight,
    show: String,
  }),
} as const

function acceptWeight(value: unknown): number | undefined {
  return typeof value === 'number' && value > 0 && value <= 1000 ? value : undefined
}

/** An IPv6 address stands in brackets where a port follows, as in URLs; alone it may go without. */
function isAdvertise(value: string): boolean {
  if (value.startsWith(':') && isIP(value) === 0) return parsePort(value.slice(1)) !== undefined
  return isAddress(value, 1) || parseAddress(value) !== undefined || parseAddress(`${value}:1`) !== undefined
}
