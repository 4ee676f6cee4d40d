import type { Channel, ChannelOptions } from '@grpc/grpc-js'
import type { HasRuntime } from '../core/runtime.ts'
import { runtimeOf, serviceOf } from './arguments.ts'
import { createGrpcLeafFactory } from './leaf.ts'
import { MeshChannel } from './mesh-channel.ts'

/**
 * A grpc-js channel to a service of the mesh, for `{ channelOverride }` of any generated client, for nice-grpc, and for
 * everything else that takes a channel. Its calls go through the policy of the service; the connections are the mesh's,
 * shared by all channels with the same options, and closing the channel closes none of them.
 *
 * @param service `orders`, or as in a URL `orders.mesh`
 * @param options what grpc-js knows of connections: message sizes, compression, keepalive, windows, user agent, and
 *   `grpc.default_authority`
 * @throws {MeshError} TULLE_CONFIG for an option that would have no effect (balancing, retries and proxies are the
 *   policy's); TULLE_BAD_NAME
 */
export function channel(mesh: HasRuntime, service: string, options: ChannelOptions = {}): Channel {
  const runtime = runtimeOf(mesh, 'channel(mesh, service)')
  runtime.transports?.provide('grpc', createGrpcLeafFactory)
  const name = serviceOf(service, runtime.suffixes, 'channel(mesh, service)')
  // nice-grpc asks for the class, whose private fields no other can have; it uses the interface alone.
  return new MeshChannel(runtime, name, options) as Pick<Channel, keyof Channel> as Channel
}
