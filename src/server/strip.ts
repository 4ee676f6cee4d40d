import type { IncomingMessage } from 'node:http'

/**
 * Takes headers off a request, in the joined view that frameworks read and in the raw one. A `Connection` header that
 * names them, or ours, changes nothing: we read before the application does and forward nothing.
 *
 * @param positions of the names in `rawHeaders`, ascending
 */
export function strip(req: IncomingMessage, positions: readonly number[]): void {
  const { headers } = req // Node builds it from rawHeaders at the first access, so it must exist before they shrink
  for (const position of positions) delete headers[req.rawHeaders[position]!.toLowerCase()]
  const kept: string[] = []
  let next = 0
  for (let index = 0; index < req.rawHeaders.length; index += 2) {
    if (index === positions[next]) next++
    else kept.push(req.rawHeaders[index]!, req.rawHeaders[index + 1]!)
  }
  req.rawHeaders = kept
  // Node's own getter counts on the length it parsed, and crashes on a `__proto__` header before 20.20.2.
  Object.defineProperty(req, 'headersDistinct', {
    configurable: true,
    enumerable: true,
    get: () => distinct(kept),
  })
}

function distinct(raw: readonly string[]): Record<string, string[]> {
  const all: Record<string, string[]> = Object.create(null)
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index]!.toLowerCase()
    all[name] ??= []
    all[name].push(raw[index + 1]!)
  }
  return all
}
