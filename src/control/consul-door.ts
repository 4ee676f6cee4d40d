import { connect as connectPlain, isIP, type Socket } from 'node:net'
import { connect as connectTls, type SecureContext } from 'node:tls'
import type { Clock } from '../core/ports.ts'
import type { AgentAddress } from './consul-agent.ts'

/** How long making one connection may take, the TLS handshake included, in milliseconds. */
const CONNECT_MS = 5000
/** The kernel asks the other end of a silent connection whether it is still there, in milliseconds. */
const KEEP_ALIVE_MS = 10_000

export interface Door {
  readonly agent: AgentAddress
  /** Undefined: no TLS. */
  readonly context: SecureContext | undefined
  readonly verify: boolean
  readonly serverName: string | undefined
  readonly clock: Clock
}

/**
 * A connection to the agent, TLS verified where it is one. Rejects with the system's or OpenSSL's error.
 * TLS sessions are not resumed: a resumed one skips the verification.
 * @param background does not keep the process alive, neither now nor while a request is in flight
 */
export function openAgent(door: Door, background: boolean): Promise<Socket> {
  const { host, port, socketPath } = door.agent
  const socket =
    door.context === undefined
      ? connectPlain(socketPath === undefined ? { host, port, noDelay: true } : { path: socketPath })
      : connectTls({
          host,
          port,
          secureContext: door.context,
          rejectUnauthorized: door.verify,
          servername: door.serverName ?? (isIP(host) === 0 ? host : ''),
          ALPNProtocols: ['http/1.1'],
        })
  if (background) {
    socket.unref()
    // undici holds the process while a request is in flight; a blocking query always is.
    socket.ref = () => socket
  }
  if (socketPath === undefined) socket.setKeepAlive(true, KEEP_ALIVE_MS)
  return opened(socket, door)
}

function opened(socket: Socket, { context, clock }: Door): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      disarm()
      socket.destroy()
      reject(error)
    }
    const closed = (): void => fail(new Error('the connection was closed before it was made'))
    const disarm = clock.background(CONNECT_MS, () =>
      fail(new Error(`no connection within ${CONNECT_MS / 1000} s`)),
    )
    socket.once('error', fail)
    socket.once('close', closed)
    socket.once(context === undefined ? 'connect' : 'secureConnect', () => {
      disarm()
      socket.off('error', fail)
      socket.off('close', closed)
      resolve(socket)
    })
  })
}
