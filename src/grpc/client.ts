import { type ChannelCredentials, type ClientOptions, credentials } from '@grpc/grpc-js'
import { MeshError } from '../core/errors.ts'
import type { HasRuntime } from '../core/runtime.ts'
import { channel } from './channel.ts'

/** A client class as proto-loader, ts-proto, grpc-tools and `makeGenericClientConstructor` make them. */
export type ClientClass<T> = new (
  address: string,
  credentials: ChannelCredentials,
  options?: Partial<ClientOptions>,
) => T

/** What is the client's own; everything else is of the channel. */
const OF_CLIENT: ReadonlySet<string> = new Set([
  'interceptors',
  'interceptor_providers',
  'callInvocationTransformer',
])

/**
 * A client of a service of the mesh, from any generated client class: `client(mesh, OrdersClient, 'orders')`. The same as
 * `new OrdersClient(…, { channelOverride: channel(mesh, 'orders', options) })`.
 *
 * @param options interceptors, and what `channel` takes
 * @throws {MeshError} TULLE_CONFIG, TULLE_BAD_NAME, as `channel`
 */
export function client<T>(
  mesh: HasRuntime,
  Client: ClientClass<T>,
  service: string,
  options: Partial<ClientOptions> = {},
): T {
  if (typeof Client !== 'function')
    throw new MeshError(
      'TULLE_CONFIG',
      `client(mesh, Client, service): Client is not a client class, found ${Client === null ? 'null' : typeof Client}`,
      { layer: 'grpc', hint: 'Give the class your code generator made, such as OrdersClient.' },
    )
  const own = Object.fromEntries(Object.entries(options).filter(([name]) => OF_CLIENT.has(name)))
  const rest = Object.fromEntries(Object.entries(options).filter(([name]) => !OF_CLIENT.has(name)))
  const channelOverride = channel(mesh, service, rest)
  return new Client(channelOverride.getTarget(), credentials.createInsecure(), { ...own, channelOverride })
}
