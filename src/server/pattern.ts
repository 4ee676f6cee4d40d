import type { IncomingMessage } from 'node:http'

/** What Express leaves on a request whose route it has found; only complete when the response is. */
interface Routed {
  readonly baseUrl?: unknown
  readonly route?: { readonly path?: unknown }
}

/** The route pattern of an Express request: of bounded cardinality, unlike its path. */
export function expressPattern(req: IncomingMessage): string | undefined {
  const { baseUrl, route } = req as Routed
  const path = written(route?.path)
  if (path === undefined) return undefined
  const base = typeof baseUrl === 'string' ? baseUrl : ''
  return base !== '' && path === '/' ? base : base + path
}

function written(path: unknown): string | undefined {
  if (typeof path === 'string') return path
  if (path instanceof RegExp) return path.source
  return Array.isArray(path) ? path.map((one) => written(one) ?? '').join('|') : undefined
}
