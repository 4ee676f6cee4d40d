import { readFile } from 'node:fs/promises'
import { connect as connectPlain, type Socket } from 'node:net'
import { connect as connectTls, createSecureContext } from 'node:tls'
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
  /** `https` where the address does not say. */
  readonly ssl?: boolean | undefined
  /** Default true; false accepts any certificate of the agent. */
  readonly sslVerify?: boolean | undefined
  /** Paths of PEM files; read for each connection. */
  readonly caFile?: string | undefined
  readonly caPath?: string | undefined
  readonly certFile?: string | undefined
  readonly keyFile?: string | undefined
  readonly tlsServerName?: string | undefined
  readonly namespace?: string | undefined
  readonly partition?: string | undefined
}

export interface AgentAddress {
  /** For messages. */
  readonly text: string
  /** What undici calls the origin; of a socket in the file system a name that stands for it. */
  readonly origin: string
  readonly socketPath: string | undefined
  readonly secure: boolean
}

/** Throws TULLE_CONFIG where it is no address. */
export function readAgentAddress(address: string, ssl = false): AgentAddress {
  if (address.startsWith('unix://')) {
    const socketPath = address.slice('unix://'.length)
    if (!socketPath.startsWith('/')) throw mistake(address)
    return { text: address, origin: 'http://consul', socketPath, secure: false }
  }
  const text = /^https?:\/\//i.test(address) ? address : `${ssl ? 'https' : 'http'}://${address}`
  if (!URL.canParse(text)) throw mistake(address)
  const url = new URL(text)
  if (url.pathname !== '/' || url.search !== '' || url.username !== '' || url.hostname === '')
    throw mistake(address)
  if (url.port === '' && !/:\d+\/?$/.test(text)) url.port = url.protocol === 'https:' ? '8501' : '8500'
  return { text: url.origin, origin: url.origin, socketPath: undefined, secure: url.protocol === 'https:' }
}

function mistake(address: string): MeshError {
  return new MeshError(
    'TULLE_CONFIG',
    `CONSUL_HTTP_ADDR: expected http://host:port, https://host:port, host:port or unix:///path, found ${JSON.stringify(address.replace(/\/\/[^@/]*@/, '//********@'))}`,
    { layer: 'config' },
  )
}

/** A connection to the agent, TLS verified where it is one. Rejects with the system's or OpenSSL's error. */
export async function openAgent(agent: AgentAddress, options: ConsulAgentOptions): Promise<Socket> {
  const url = new URL(agent.origin)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const port = Number(url.port || (agent.secure ? 443 : 80))
  if (!agent.secure)
    return opened(
      connectPlain(agent.socketPath === undefined ? { host, port } : { path: agent.socketPath }),
      'connect',
    )
  const { caFile, certFile, keyFile, sslVerify = true, tlsServerName } = options
  const read = async (path: string | undefined) => (path === undefined ? undefined : await readFile(path))
  const [ca, cert, key] = await Promise.all([read(caFile), read(certFile), read(keyFile)])
  const secureContext = createSecureContext({ ca, cert, key })
  const servername = tlsServerName ?? (/^[\d.]+$|:/.test(host) ? undefined : host)
  return opened(
    connectTls({
      host,
      port,
      secureContext,
      rejectUnauthorized: sslVerify,
      ...(servername === undefined ? {} : { servername }),
    }),
    'secureConnect',
  )
}

function opened(socket: Socket, event: 'connect' | 'secureConnect'): Promise<Socket> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.once(event, () => {
      socket.off('error', reject)
      resolve(socket)
    })
  })
}
