import { MeshError } from '../core/errors.ts'

/** Where the agent is and how it is spoken to, as the environment of Consul's own tools has it. */
export interface ConsulAgentOptions {
  /** `http://127.0.0.1:8500`, `https://consul.internal:8501`, `unix:///run/consul.sock`, or `host:port`. */
  readonly address: string
  /** An ACL token. */
  readonly token?: string | undefined
  /** A file that holds one; read again when it has changed. Wins over `token`. */
  readonly tokenFile?: string | undefined
  /** `user:password` for a proxy in front of the agent. */
  readonly auth?: string | undefined
  /** `https` whatever the address says: never back to HTTP where TLS was asked for (as in Consul's own clients). */
  readonly ssl?: boolean | undefined
  /** Default true; false accepts any certificate of the agent. */
  readonly sslVerify?: boolean | undefined
  /** Paths of PEM files, `caPath` of a folder of them; read again when they have changed. */
  readonly caFile?: string | undefined
  readonly caPath?: string | undefined
  readonly certFile?: string | undefined
  readonly keyFile?: string | undefined
  /** The name that must be in the agent's certificate; default the host of the address. */
  readonly tlsServerName?: string | undefined
  readonly namespace?: string | undefined
  readonly partition?: string | undefined
}

export interface AgentAddress {
  /** For messages. */
  readonly text: string
  /** What undici calls the origin; of a socket in the file system a name that stands for it. */
  readonly origin: string
  readonly host: string
  readonly port: number
  readonly socketPath: string | undefined
  readonly secure: boolean
}

/** Without a port it is the scheme's, as for Consul's own clients. Throws TULLE_CONFIG where it is no address. */
export function readAgentAddress(address: string, ssl = false): AgentAddress {
  if (address.startsWith('unix://')) {
    const socketPath = address.slice('unix://'.length)
    if (!socketPath.startsWith('/')) throw mistake(address)
    return { text: address, origin: 'http://consul', host: 'consul', port: 80, socketPath, secure: false }
  }
  const scheme = /^https?:\/\//i.exec(address)?.[0] ?? ''
  const secure = ssl || scheme.toLowerCase() === 'https://'
  const whole = `${secure ? 'https' : 'http'}://${address.slice(scheme.length)}`
  const url = URL.canParse(whole) ? new URL(whole) : undefined
  const bare = url?.pathname === '/' && url.search === '' && url.hash === '' && url.username === ''
  if (url === undefined || !bare || url.password !== '' || url.hostname === '') throw mistake(address)
  // A port alone would be read as a whole IPv4 address: 8500 is 0.0.33.52.
  if (/^\d+$/.test(address.slice(scheme.length))) throw mistake(address)
  // The port that nobody wrote is said: that it was not 8500 is why nothing answers.
  const text = url.port === '' ? `${url.origin}:${secure ? 443 : 80}` : url.origin
  return {
    text,
    origin: url.origin,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || (secure ? 443 : 80)),
    socketPath: undefined,
    secure,
  }
}

/** Throws TULLE_CONFIG where options contradict each other. */
export function checkAgentOptions({ certFile, keyFile, auth }: ConsulAgentOptions): void {
  if ((certFile === undefined) !== (keyFile === undefined))
    throw config('CONSUL_CLIENT_CERT and CONSUL_CLIENT_KEY: one is of no use without the other')
  if (auth !== undefined && !auth.includes(':')) throw config('CONSUL_HTTP_AUTH: expected user:password')
}

function mistake(address: string): MeshError {
  const masked = address.replace(/^((?:[a-z+]*:)?\/\/)?.*@/i, '$1********@')
  return config(
    `CONSUL_HTTP_ADDR: expected http://host:port, https://host:port, host:port or unix:///path, found ${JSON.stringify(masked)}`,
  )
}

function config(message: string): MeshError {
  return new MeshError('TULLE_CONFIG', message, { layer: 'config' })
}
