import type { ServerResponse } from 'node:http'
import { REFUSED } from '../core/header-names.ts'

/**
 * From here on the answer is the application's, and cannot carry the header by which we say that the application has
 * not seen the request. One that hands on the answer of a service it called would hand on that service's refusal, and
 * its own caller would send a request again that was executed here.
 */
export function withoutOurWords(res: ServerResponse): void {
  const { writeHead } = res
  res.writeHead = ((...args: unknown[]): ServerResponse => {
    if (!res.headersSent && res.hasHeader(REFUSED)) res.removeHeader(REFUSED)
    const last = args.length - 1
    args[last] = without(args[last])
    return writeHead.apply(res, args as never)
  }) as typeof writeHead
}

/** Headers in any form `writeHead` takes; the same object where there is nothing to leave out. */
function without(headers: unknown): unknown {
  if (typeof headers !== 'object' || headers === null) return headers
  if (!Array.isArray(headers)) {
    const names = Object.keys(headers)
    if (!names.some(isOurs)) return headers
    return Object.fromEntries(Object.entries(headers).filter(([name]) => !isOurs(name)))
  }
  if (Array.isArray(headers[0])) return headers.filter((pair: unknown[]) => !isOurs(pair[0]))
  return headers.filter((_, index) => !isOurs(headers[index - (index % 2)]))
}

function isOurs(name: unknown): boolean {
  return typeof name === 'string' && name.length === REFUSED.length && name.toLowerCase() === REFUSED
}
