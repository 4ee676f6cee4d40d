import type { Socket } from 'node:net'
import { buildConnector } from 'undici'

/**
 * How many connections to one endpoint are made at the same time. Node's servers keep 511 that nobody has accepted
 * yet; what a burst sends beyond that is dropped in silence and sent again a second later, when the connect timeout
 * has struck.
 */
const MAX_AT_ONCE = 128

/**
 * The error a connection is reporting in this very moment. undici takes an answer that only the end of the connection
 * delimits for complete also where that end is a reset; whoever is told of a completion while this is set knows better.
 */
export interface Breaking {
  error: Error | undefined
}

type Waiting = readonly [buildConnector.Options, buildConnector.Callback]

/**
 * undici's connector, a few at a time; the others wait their turn. When one fails, those who wait fail with it: they
 * would meet the same fate later, and having sent nothing they can go elsewhere now.
 *
 * @param timeoutMs how long making one connection may take
 */
export function createConnector(timeoutMs: number, breaking: Breaking): buildConnector.connector {
  const connect = buildConnector({ timeout: timeoutMs, maxCachedSessions: 0 })
  return connectorOver(watched(connect, breaking), MAX_AT_ONCE)
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

export function connectorOver(
  connect: buildConnector.connector,
  maxAtOnce: number,
): buildConnector.connector {
  const waiting: Waiting[] = []
  let making = 0
  const make = (options: buildConnector.Options, callback: buildConnector.Callback): void => {
    making++
    connect(options, (...result: Parameters<buildConnector.Callback>) => {
      making--
      const doomed = result[0] === null ? [] : waiting.splice(0)
      callback(...result)
      for (const [, alike] of doomed) alike(...result)
      const next = making < maxAtOnce ? waiting.shift() : undefined
      if (next !== undefined) make(...next)
    })
  }
  return (options, callback) => {
    if (making < maxAtOnce) make(options, callback)
    else waiting.push([options, callback])
  }
}
