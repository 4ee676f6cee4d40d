import { isIP } from 'node:net'
import type { ChannelOptions } from '@grpc/grpc-js'
import type { EndpointState } from '../core/endpoint.ts'

/**
 * Where the caller says nothing. grpc-js pings on time whatever else is heard, and servers end a connection, with all that
 * runs on it, that pings more than twice within less than 5 minutes each while they have nothing to say: grpc-go
 * (`EnforcementPolicy.MinTime`), C-core (`http2.min_ping_interval_without_data_ms`), Java (`permitKeepAliveTime`) alike
 * (gRPC A8). A long call or a quiet stream would not live two minutes at 30 s. So pings come a little less often than every
 * 5 minutes and never without a call; a host that is gone is found by the kernel's own probes within 40 s (`Opening`).
 */
const DEFAULTS: ChannelOptions = {
  'grpc.keepalive_time_ms': 310_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.enable_channelz': 0,
}

/** grpc-js is the transport alone: balancing, retries, proxies and names are the mesh's. */
const OURS: ChannelOptions = {
  'grpc.enable_retries': 0,
  'grpc.enable_http_proxy': 0,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.service_config_disable_resolution': 1,
  // Names of hosts prove nothing here, and an address is no name that TLS may send.
  'grpc.ssl_target_name_override': 'mesh',
}

/** The options of a real channel, from those the application gave. */
export function transportOptions(given: Readonly<ChannelOptions>): ChannelOptions {
  const { 'grpc.service_config': _, 'grpc.http_connect_target': __, ...kept } = given
  return { ...DEFAULTS, ...kept, ...OURS }
}

/** The one address of an endpoint as grpc-js names it (gRPC's doc/naming.md). */
export function targetOf({ address, port }: EndpointState): string {
  const family = isIP(address)
  if (family === 6) return `ipv6:[${address}]:${port}`
  return family === 4 ? `ipv4:${address}:${port}` : `dns:${address}:${port}`
}
