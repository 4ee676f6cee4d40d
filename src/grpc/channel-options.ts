import type { ChannelOptions } from '@grpc/grpc-js'
import { MeshError } from '../core/errors.ts'

/** What decides of grpc-js itself would be decided twice; what to do instead. */
const REFUSED: Readonly<Record<string, string>> = {
  'grpc.service_config':
    'retries, timeouts and balancing are for the policy: write retry, timeout and balance for the service',
  'grpc-node.retry_max_attempts_limit': 'write retry.limit in the policy',
  'grpc.per_rpc_retry_buffer_size': 'write retry.maxBody in the policy',
  'grpc.retry_buffer_size': '16 MiB per process are kept for retries, over all channels',
  'grpc.lb_policy_name': 'write balance in the policy',
  'grpc.lb.ring_hash.ring_size_cap': 'write balance in the policy',
  'grpc.http_connect_target': 'endpoints are connected to directly; take it out',
  'grpc.http_connect_creds': 'endpoints are connected to directly; take it out',
  'grpc.ssl_target_name_override':
    'a server is known by its identity, not by a name; take it out, or name the identity in the policy',
  'grpc.initial_reconnect_backoff_ms': 'the mesh waits 1 s before it connects again; take it out',
  'grpc.max_reconnect_backoff_ms': 'the mesh waits 120 s at most before it connects again; take it out',
  channelOverride: 'a channel cannot have another one under it; take it out',
  channelFactoryOverride: 'a channel cannot have another one under it; take it out',
}

/** What the mesh sets itself; accepted with the value it has, and dropped. */
const OURS: Readonly<Record<string, { readonly value: number; readonly instead: string }>> = {
  'grpc.enable_retries': {
    value: 1,
    instead: 'write retry: false in the policy of the service or the route',
  },
  'grpc.enable_http_proxy': { value: 0, instead: 'endpoints are connected to directly; take it out' },
  'grpc.use_local_subchannel_pool': {
    value: 1,
    instead: 'connections are the own ones of each mesh; take it out',
  },
  'grpc.service_config_disable_resolution': {
    value: 1,
    instead: 'configuration is never read from DNS; take it out',
  },
}

/** What of the options is read here and goes no further. */
const READ_HERE: ReadonlySet<string> = new Set([
  'grpc.default_authority',
  'grpc.dns_min_time_between_resolutions_ms',
])

const NONE: Readonly<ChannelOptions> = Object.freeze({})
/** Option sets remembered; beyond it the memory starts afresh. */
const MAX_SETS = 256
const sets = new Map<string, Readonly<ChannelOptions>>()

/**
 * What goes down to the connections: sizes, compression, keepalive, windows, user agent. The same object for the same
 * options, since calls share connections only where the options are the same object.
 *
 * @throws {MeshError} TULLE_CONFIG for an option that would have no effect, with what to write instead
 */
export function connectionOptions(options: ChannelOptions): Readonly<ChannelOptions> {
  const kept: [string, unknown][] = []
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue
    const instead = REFUSED[name] ?? (name.startsWith('grpc.lb.') ? 'write balance in the policy' : undefined)
    if (instead !== undefined) throw mistake(name, instead)
    const ours = OURS[name]
    if (ours !== undefined) {
      if (Number(value) !== ours.value) throw mistake(name, ours.instead)
      continue
    }
    if (!name.startsWith('grpc')) throw mistake(name, 'it is not an option of a channel')
    if (!READ_HERE.has(name)) kept.push([name, value])
  }
  if (kept.length === 0) return NONE
  kept.sort(([a], [b]) => (a < b ? -1 : 1))
  return shared(kept)
}

function shared(entries: [string, unknown][]): Readonly<ChannelOptions> {
  // An object among the values is the caller's own: nobody can say whether it is the same as another.
  if (entries.some(([, value]) => typeof value === 'object' || typeof value === 'function'))
    return Object.freeze(Object.fromEntries(entries))
  const key = JSON.stringify(entries)
  let known = sets.get(key)
  if (known === undefined) {
    if (sets.size >= MAX_SETS) sets.clear()
    known = Object.freeze(Object.fromEntries(entries))
    sets.set(key, known)
  }
  return known
}

function mistake(name: string, instead: string): MeshError {
  return new MeshError('TULLE_CONFIG', `the channel option ${name} has no effect in the mesh: ${instead}`, {
    layer: 'grpc',
    hint: 'Message sizes, compression, keepalive, windows and the user agent are taken as grpc-js takes them.',
  })
}
