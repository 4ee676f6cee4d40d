import { durationSetting, oneOf, type Setting, setting } from './setting.ts'

const CONSUL_CHECKS = ['ttl', 'http', 'grpc'] as const
type ConsulCheck = (typeof CONSUL_CHECKS)[number]

/** Where the Consul agent is; what is left out comes from the environment. */
export interface ConsulOptions {
  /** `http://127.0.0.1:8500`, `https://…`, `unix:///…`. Environment: `CONSUL_HTTP_ADDR`. */
  readonly address?: string | undefined
  /** An ACL token. Environment: `CONSUL_HTTP_TOKEN`. */
  readonly token?: string | undefined
  /** A file that holds it; read again when it changes. Environment: `CONSUL_HTTP_TOKEN_FILE`. */
  readonly tokenFile?: string | undefined
  /** `user:password`. Environment: `CONSUL_HTTP_AUTH`. */
  readonly auth?: string | undefined
  /** Environment: `CONSUL_HTTP_SSL`. */
  readonly ssl?: boolean | undefined
  /** Default true. Environment: `CONSUL_HTTP_SSL_VERIFY`. */
  readonly sslVerify?: boolean | undefined
  /** Environment: `CONSUL_CACERT`. */
  readonly caFile?: string | undefined
  /** Environment: `CONSUL_CAPATH`. */
  readonly caPath?: string | undefined
  /** Environment: `CONSUL_CLIENT_CERT`. */
  readonly certFile?: string | undefined
  /** Environment: `CONSUL_CLIENT_KEY`. */
  readonly keyFile?: string | undefined
  /** Environment: `CONSUL_TLS_SERVER_NAME`. */
  readonly tlsServerName?: string | undefined
  /** Environment: `CONSUL_NAMESPACE`. */
  readonly namespace?: string | undefined
  /** Environment: `CONSUL_PARTITION`. */
  readonly partition?: string | undefined
  /** Default `ttl`. Environment: `TULLE_CONSUL_CHECK`. */
  readonly check?: 'ttl' | 'http' | 'grpc' | undefined
  /** Default 10 minutes. Environment: `TULLE_CONSUL_DEREGISTER_AFTER`. */
  readonly deregisterAfter?: number | string | undefined
  /** Environment: `TULLE_INTENTIONS_DEFAULT`. */
  readonly intentionsDefault?: 'allow' | 'deny' | undefined
}

const MINUTE_MS = 60_000

/** A variable of Consul's own tools. Anything is accepted: it may be set for them, in a process that uses no Consul. */
const theirs = (
  of: Pick<Setting<string>, 'option' | 'variable' | 'describe' | 'accepts'> & Partial<Setting<string>>,
): Setting<string> => ({
  fallback: '',
  parse: (value) => value,
  show: (value) => value,
  ...of,
})

/** As Consul reads them: what is not true is false. */
const flag = (
  of: Pick<Setting<boolean>, 'option' | 'variable' | 'describe'> & { readonly fallback: 'true' | 'false' },
): Setting<boolean> => ({
  accepts: '1, t or true; anything else is false',
  parse: (value) => /^(?:1|t|true)$/i.test(value),
  accept: (value) => (typeof value === 'boolean' ? value : undefined),
  show: String,
  ...of,
})

const deregisterAfter = durationSetting({
  option: 'consul.deregisterAfter',
  variable: 'TULLE_CONSUL_DEREGISTER_AFTER',
  describe: 'How long an instance may be critical before Consul forgets it; Consul takes a minute at least.',
  fallback: '10m',
})

/** Where the Consul agent is and how it is spoken to: the variables of Consul's own tools, and a few of ours. */
export const CONSUL_SETTINGS = {
  consulAddress: theirs({
    option: 'consul.address',
    variable: 'CONSUL_HTTP_ADDR',
    describe: 'Where the Consul agent of this machine answers.',
    accepts: '`http://host:port`, `https://host:port`, `host:port` or `unix:///path`',
    fallback: 'http://127.0.0.1:8500',
  }),
  consulToken: theirs({
    option: 'consul.token',
    variable: 'CONSUL_HTTP_TOKEN',
    describe: 'The ACL token.',
    accepts: 'a token',
    secret: true,
  }),
  consulTokenFile: theirs({
    option: 'consul.tokenFile',
    variable: 'CONSUL_HTTP_TOKEN_FILE',
    describe: 'A file that holds the ACL token; read again when it changes. Wins over the token itself.',
    accepts: 'the path of a file',
  }),
  consulAuth: theirs({
    option: 'consul.auth',
    variable: 'CONSUL_HTTP_AUTH',
    describe: 'Basic authentication, for a proxy in front of the agent.',
    accepts: '`user:password`',
    secret: true,
  }),
  consulSsl: flag({
    option: 'consul.ssl',
    variable: 'CONSUL_HTTP_SSL',
    describe: 'HTTPS where the address does not say.',
    fallback: 'false',
  }),
  consulSslVerify: flag({
    option: 'consul.sslVerify',
    variable: 'CONSUL_HTTP_SSL_VERIFY',
    describe: 'Whether the certificate of the agent is verified.',
    fallback: 'true',
  }),
  consulCaFile: theirs({
    option: 'consul.caFile',
    variable: 'CONSUL_CACERT',
    describe: 'The CA of the certificate of the agent, in PEM.',
    accepts: 'the path of a file',
  }),
  consulCaPath: theirs({
    option: 'consul.caPath',
    variable: 'CONSUL_CAPATH',
    describe: 'The same, several of them.',
    accepts: 'the path of a folder',
  }),
  consulCertFile: theirs({
    option: 'consul.certFile',
    variable: 'CONSUL_CLIENT_CERT',
    describe: 'Our own certificate for the agent, in PEM.',
    accepts: 'the path of a file',
  }),
  consulKeyFile: theirs({
    option: 'consul.keyFile',
    variable: 'CONSUL_CLIENT_KEY',
    describe: 'Its key.',
    accepts: 'the path of a file',
  }),
  consulServerName: theirs({
    option: 'consul.tlsServerName',
    variable: 'CONSUL_TLS_SERVER_NAME',
    describe: 'The name the certificate of the agent must have, where that is not the host of its address.',
    accepts: 'a host name',
  }),
  consulNamespace: theirs({
    option: 'consul.namespace',
    variable: 'CONSUL_NAMESPACE',
    describe: 'The namespace of every request (Consul Enterprise).',
    accepts: 'the name of a namespace',
  }),
  consulPartition: theirs({
    option: 'consul.partition',
    variable: 'CONSUL_PARTITION',
    describe: 'The admin partition of every request (Consul Enterprise).',
    accepts: 'the name of an admin partition',
  }),
  consulCheck: setting<ConsulCheck>({
    option: 'consul.check',
    variable: 'TULLE_CONSUL_CHECK',
    describe:
      'How Consul knows that an instance is well: `ttl`, it says so itself; `http`, the agent asks `TULLE_HEALTH_PORT`; `grpc`, the agent asks its gRPC health service.',
    accepts: `one of ${CONSUL_CHECKS.join(', ')}`,
    fallback: 'ttl',
    parse: oneOf(CONSUL_CHECKS),
    show: (value) => value,
  }),
  consulDeregisterAfterMs: {
    ...deregisterAfter,
    accepts: 'a duration of at least 1m such as 10m or 1h',
    parse: (value: string) => atLeastAMinute(deregisterAfter.parse(value)),
    accept: (value: unknown) => atLeastAMinute(deregisterAfter.accept?.(value)),
  } satisfies Setting<number>,
  intentionsDefault: setting<'allow' | 'deny' | ''>({
    option: 'consul.intentionsDefault',
    variable: 'TULLE_INTENTIONS_DEFAULT',
    describe:
      'What an inbound call that no intention decides comes to; default as the ACLs of Consul have it, `deny` where they cannot be read.',
    accepts: 'allow or deny',
    fallback: '',
    parse: oneOf(['allow', 'deny', '']),
    show: (value) => value,
  }),
} as const

function atLeastAMinute(ms: number | undefined): number | undefined {
  return ms !== undefined && ms >= MINUTE_MS ? ms : undefined
}
