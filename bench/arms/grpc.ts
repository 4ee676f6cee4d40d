import type { Arm } from './arm.ts'

type Rest = Pick<Arm, 'name' | 'label'> & Partial<Arm>
const CALLERS: readonly Rest[] = [
  { name: 'client', label: 'grpc-js client (A)', caller: 'grpc-js' },
  { name: 'client-mesh', label: 'client(mesh, …)', caller: 'grpc-mesh', against: 'client' },
  { name: 'client-mtls', label: 'grpc-js client, mutual TLS', caller: 'grpc-js', mtls: true },
  {
    name: 'client-mesh-mtls',
    label: 'client(mesh, …), strict',
    caller: 'grpc-mesh',
    mtls: true,
    against: 'client-mtls',
  },
  {
    name: 'client-again',
    label: 'grpc-js client (A again)',
    caller: 'grpc-js',
    against: 'client',
    again: 'client',
  },
]
const SERVERS: readonly Rest[] = [
  { name: 'server', label: 'grpc-js Server (A)', upstream: 'grpc-js' },
  { name: 'server-mesh', label: 'serve(mesh, …)', upstream: 'grpc-mesh', against: 'server' },
  { name: 'server-mtls', label: 'grpc-js Server, mutual TLS', upstream: 'grpc-js', mtls: true },
  {
    name: 'server-mesh-mtls',
    label: 'serve(mesh, …), strict',
    upstream: 'grpc-mesh',
    mtls: true,
    against: 'server-mtls',
  },
  {
    name: 'server-again',
    label: 'grpc-js Server (A again)',
    upstream: 'grpc-js',
    against: 'server',
    again: 'server',
  },
]

/** Unary calls over one connection; the other side is Node's HTTP/2 alone. */
export const GRPC_ARMS: readonly Arm[] = [
  ...CALLERS.map(
    (rest): Arm => ({ group: 'grpc', caller: 'grpc-js', upstream: 'http2', quick: true, ...rest }),
  ),
  ...SERVERS.map(
    (rest): Arm => ({
      group: 'grpc',
      caller: 'http2',
      upstream: 'grpc-js',
      payer: 'upstream',
      quick: true,
      ...rest,
    }),
  ),
]
