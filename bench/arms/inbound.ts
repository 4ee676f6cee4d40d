import type { Arm } from './arm.ts'

type Server = Pick<Arm, 'name' | 'label' | 'upstream'> & Partial<Arm>

const SERVERS: readonly Server[] = [
  { name: 'http', label: 'http.Server (A)', upstream: 'http' },
  { name: 'mesh', label: 'mesh.serve', upstream: 'mesh', against: 'http' },
  { name: 'express', label: 'Express', upstream: 'express' },
  { name: 'express-mesh', label: 'Express behind mesh.serve', upstream: 'express-mesh', against: 'express' },
  { name: 'fastify', label: 'Fastify', upstream: 'fastify' },
  { name: 'fastify-mesh', label: 'Fastify on tulle/fastify', upstream: 'fastify-mesh', against: 'fastify' },
  { name: 'https', label: 'https.Server, mutual TLS', upstream: 'http', mtls: true },
  { name: 'mesh-mtls', label: 'mesh.serve, strict', upstream: 'mesh', mtls: true, against: 'https' },
  { name: 'http-again', label: 'http.Server (A again)', upstream: 'http', against: 'http', again: 'http' },
]

/** The application is the server; what calls it does as little as it can. */
export const INBOUND_ARMS: readonly Arm[] = SERVERS.map((server) => ({
  group: 'inbound',
  caller: 'socket',
  payer: 'upstream',
  quick: true,
  ...server,
}))
