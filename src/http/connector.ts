import type { Socket } from 'node:net'
import { buildConnector, errors } from 'undici'
import type { Clock } from '../core/ports.ts'

/**
 * How many connections to one endpoint are made at the same time. Node's servers keep 511 that nobody has accepted
 * yet; what a burst sends beyond that is dropped in silence and sent again a second later, when the connect timeout
 * has struck.
 */
const MAX_AT_ONCE = 128
/** How long a server that is awake may take to accept a connection, in milliseconds. */
const YOUNG_MS = 100

/**
 * The error a connection is reporting in this very moment. undici takes an answer that only the end of the connection
 * delimits for complete also where that end is a reset; whoever is told of a completion while this is set knows better.
 */
export interface Breaking {
  error: Error | undefined
}

type Waiting = readonly [buildConnector.Options, buildConnector.Callback]

/**
 * undici's connector for plaintext, a few at a time; the others wait their turn. When one fails, those who wait fail with it: they
 * would meet the same fate later, and having sent nothing they can go elsewhere now.
 *
 * @param timeoutMs how long making one connection may take
 */
export function createConnector(
  timeoutMs: number,
  breaking: Breaking,
  clock: Clock,
): buildConnector.connector {
  return guarded(buildConnector({ timeout: 0, maxCachedSessions: 0 }), timeoutMs, breaking, clock)
}

/**
 * What holds for every connector: its own time, the end it reports, a few at a time. A handshake is part of the making.
 * @param handshakeMs how long a TLS handshake may take once there is a connection; undefined: there is none
 */
export function guarded(
  connect: buildConnector.connector,
  timeoutMs: number,
  breaking: Breaking,
  clock: Clock,
  handshakeMs?: number,
): buildConnector.connector {
  return connectorOver(timely(watched(connect, breaking), timeoutMs, clock, handshakeMs), MAX_AT_ONCE, clock)
}

/**
 * undici's own connect timeout runs on a timer of whole seconds; this one is exact. A handshake has a time of its own:
 * it costs both sides milliseconds of CPU, so what tells an unreachable host from a good one would cut a busy one off,
 * and each handshake that is cut off is begun again.
 */
export function timely(
  connect: buildConnector.connector,
  timeoutMs: number,
  clock: Clock,
  handshakeMs?: number,
): buildConnector.connector {
  return (options, callback) => {
    let disarm = (): void => {}
    // undici's connector returns the socket it is connecting, which its types do not say.
    const socket = connect(options, (...result: Parameters<buildConnector.Callback>) => {
      disarm()
      callback(...result)
    }) as unknown as Socket
    if (!socket.connecting) return
    const allow = (what: string, ms: number): void => {
      const giveUp = (): void => {
        const { hostname, port } = options
        socket.destroy(new errors.ConnectTimeoutError(`no ${what} ${hostname}:${port} within ${ms} ms`))
      }
      // Once more round the event loop: a connection that was made while this process was busy is found there.
      disarm = clock.after(ms, () => {
        disarm = clock.after(0, giveUp)
      })
    }
    allow('connection to', timeoutMs)
    if (handshakeMs === undefined) return
    socket.once('connect', () => {
      disarm()
      allow('TLS handshake with', handshakeMs)
    })
  }
}

/** The first listener runs before undici's, which are added by the callback, and the second after them. */
function watched(connect: buildConnector.connector, breaking: Breaking): buildConnector.connector {
  return (options, callback) =>
    connect(options, (...result: Parameters<buildConnector.Callback>) => {
      const socket: Socket | null = result[1]
      socket?.on('error', (error) => {
        breaking.error = error
      })
      callback(...result)
      socket?.on('error', () => {
        breaking.error = undefined
      })
    })
}

/**
 * @param maxAtOnce how many connections may be young at the same time: being made, or made and not answered on for
 * `YOUNG_MS`. A connection is made before anybody has accepted it, so that it is made says nothing of the queue.
 */
export function connectorOver(
  connect: buildConnector.connector,
  maxAtOnce: number,
  clock: Clock,
): buildConnector.connector {
  const waiting: Waiting[] = []
  let young = 0
  const grown = (): void => {
    young--
    const next = young < maxAtOnce ? waiting.shift() : undefined
    if (next !== undefined) make(...next)
  }
  const make = (options: buildConnector.Options, callback: buildConnector.Callback): void => {
    young++
    connect(options, (...result: Parameters<buildConnector.Callback>) => {
      const doomed = result[0] === null ? [] : waiting.splice(0)
      callback(...result)
      for (const [, alike] of doomed) alike(...result)
      // Where there is an error undici calls back with it alone.
      const socket = result[0] === null ? result[1] : undefined
      if (socket) whenGrown(socket, clock, grown)
      else grown()
    })
  }
  return (options, callback) => {
    if (young < maxAtOnce) make(options, callback)
    else waiting.push([options, callback])
  }
}

/** Once, at the first byte, at the end, or when its time is up: a slow answer must not keep others from connecting. */
function whenGrown(socket: Socket, clock: Clock, fn: () => void): void {
  let done = false
  const grown = (): void => {
    if (done) return
    done = true
    disarm()
    fn()
  }
  const disarm = clock.background(YOUNG_MS, grown)
  socket.once('readable', grown)
  socket.once('close', grown)
}
