import type { ConsulAnswer, ConsulRequest } from '../core/consul.ts'
import type { ConsulAgentOptions } from './consul-agent.ts'

/** How long the agent is to wait, in milliseconds; 0 where it is to answer at once. */
export function waitOf({ index, waitMs = 0 }: ConsulRequest): number {
  // Without an index Consul does not wait, and with a wait of 0 it waits for minutes.
  return index === undefined || index < 1 ? 0 : Math.max(0, Math.floor(waitMs))
}

/**
 * Path and query as they are sent (api-docs/features/blocking, api-docs/features/consistency).
 * @param waitMs 0: to be answered at once
 */
export function pathOf(
  { path, query, index, method, consistency }: ConsulRequest,
  { namespace, partition }: Pick<ConsulAgentOptions, 'namespace' | 'partition'>,
  waitMs: number,
): string {
  const parts: string[] = []
  const add = (name: string, value: string | undefined): void => {
    if (value !== undefined) parts.push(value === '' ? name : `${name}=${encodeURIComponent(value)}`)
  }
  if (query?.ns === undefined) add('ns', namespace || undefined)
  if (query?.partition === undefined) add('partition', partition || undefined)
  for (const name in query) add(name, query[name])
  if (waitMs > 0) {
    add('index', String(index))
    add('wait', `${waitMs}ms`)
  }
  if (method === 'GET' && consistency !== 'default') add('stale', '')
  return parts.length === 0 ? path : `${path}?${parts.join('&')}`
}

/** @param auth `user:password` for what stands before the agent */
export function headersOf(
  { body, expects }: ConsulRequest,
  token: string | undefined,
  auth: string | undefined,
): Record<string, string> {
  const headers: Record<string, string> = { accept: expects === 'bytes' ? '*/*' : 'application/json' }
  if (body !== undefined)
    headers['content-type'] = body instanceof Uint8Array ? 'application/octet-stream' : 'application/json'
  if (token !== undefined) headers['x-consul-token'] = token
  if (auth !== undefined) headers.authorization = `Basic ${Buffer.from(auth).toString('base64')}`
  return headers
}

/** What an answer's headers say; an index that is no positive whole number is none. */
export function factsOf(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Pick<ConsulAnswer, 'index' | 'filtered' | 'knownLeader'> {
  const text = headers['x-consul-index']
  const index = typeof text === 'string' && /^\d{1,16}$/.test(text) ? Number(text) : 0
  const leader = headers['x-consul-knownleader']
  return {
    index: Number.isSafeInteger(index) && index > 0 ? index : undefined,
    filtered: headers['x-consul-results-filtered-by-acls'] === 'true',
    knownLeader: typeof leader === 'string' ? leader === 'true' : undefined,
  }
}
