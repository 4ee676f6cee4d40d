import { buildConnector } from 'undici'

/**
 * How many connections to one endpoint are made at the same time. Node's servers keep 511 that nobody has accepted
 * yet; what a burst sends beyond that is dropped in silence and sent again a second later, when the connect timeout
 * has struck.
 */
const MAX_AT_ONCE = 128

type Waiting = readonly [buildConnector.Options, buildConnector.Callback]

/**
 * undici's connector, a few at a time; the others wait their turn. When one fails, those who wait fail with it: they
 * would meet the same fate later, and having sent nothing they can go elsewhere now.
 *
 * @param timeoutMs how long making one connection may take
 */
export function createConnector(
  timeoutMs: number,
  maxAtOnce: number = MAX_AT_ONCE,
): buildConnector.connector {
  return connectorOver(buildConnector({ timeout: timeoutMs, maxCachedSessions: 0 }), maxAtOnce)
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
