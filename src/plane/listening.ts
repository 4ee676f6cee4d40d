import { hostname } from 'node:os'
import type { FastifyInstance } from 'fastify'
import { MeshError } from '../core/errors.ts'

/** Where a plane listens when nobody said. */
export const DEFAULT_PORT = 7400

/** Undefined: every address. @returns the port. Rejects with TULLE_START. */
export async function listen(app: FastifyInstance, port: number, host: string | undefined): Promise<number> {
  try {
    await app.listen({ port, host: host ?? '::' })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (host === undefined && code === 'EAFNOSUPPORT') return listen(app, port, '0.0.0.0')
    throw new MeshError(
      'TULLE_START',
      `the plane cannot listen on ${host ?? 'any address'}:${port}: ${message}`,
      {
        layer: 'plane',
        cause: error,
        hint:
          code === 'EADDRINUSE'
            ? 'Another process has this port: is it another plane? Say --port.'
            : undefined,
      },
    )
  }
  const address = app.server.address()
  return typeof address === 'object' && address !== null ? address.port : port
}

/** The names tokens say a plane is reached by. */
export function advertised(
  names: readonly string[] | undefined,
  host: string | undefined,
): readonly string[] {
  if (names !== undefined && names.length > 0) return names
  return isEverywhere(host) ? [hostname(), '127.0.0.1'] : [host as string]
}

export function isEverywhere(host: string | undefined): boolean {
  return host === undefined || host === '::' || host === '0.0.0.0'
}

export function urlOf(name: string, port: number): string {
  return `https://${name.includes(':') && !name.startsWith('[') ? `[${name}]` : name}:${port}`
}
