import { createRequire } from 'node:module'
import { join } from 'node:path'
import { MeshError } from '../core/errors.ts'

/** Loads an optional package or says which one to install. @param reason why it is wanted, for the error */
export type Load = <T>(name: string, reason: string) => T

/**
 * Looks where this package can see, then where the application can: a strict package manager shows us only our peers.
 * Synchronous, so that telemetry stands before the first line of the application runs.
 */
export const loadOptional: Load = <T>(name: string, reason: string): T => {
  const found = tryLoad<T>(name)
  if (found !== undefined) return found
  throw new MeshError('TULLE_CONFIG', `${reason}, and ${name} is not installed`, {
    layer: 'telemetry',
    hint: `npm install ${name}`,
  })
}

export function tryLoad<T>(name: string): T | undefined {
  for (const base of [import.meta.url, join(process.cwd(), 'package.json')]) {
    const require = createRequire(base)
    try {
      require.resolve(name)
    } catch {
      continue
    }
    return require(name) as T
  }
  return undefined
}
