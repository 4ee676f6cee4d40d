import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { MeshError } from '../core/errors.ts'
import { readToken, type TokenContent } from '../core/plane-wire.ts'
import type { World } from './world.ts'

export const DEFAULT_DIR = './plane-state'
export const TOKEN_FILE = 'admin-token'

export interface TokenPlaces {
  readonly tokenFile?: string | undefined
  readonly dir?: string | undefined
}

export interface AdminToken {
  readonly token: string
  readonly content: TokenContent
}

/**
 * The admin token: `--token-file`, `--dir`, TULLE_ADMIN_TOKEN, TULLE_ADMIN_TOKEN_FILE, else that of ./plane-state.
 * @throws {MeshError} TULLE_CONFIG naming the place, never the token
 */
export async function findAdminToken(places: TokenPlaces, world: World): Promise<AdminToken> {
  const { TULLE_ADMIN_TOKEN: token, TULLE_ADMIN_TOKEN_FILE: file } = world.env
  if (places.tokenFile !== undefined) return fromFile(places.tokenFile, '--token-file', world)
  if (places.dir !== undefined) return fromFile(join(places.dir, TOKEN_FILE), '--dir', world)
  if (token !== undefined && token !== '') return judged(token, 'TULLE_ADMIN_TOKEN')
  if (file !== undefined && file !== '') return fromFile(file, 'TULLE_ADMIN_TOKEN_FILE', world)
  try {
    return await fromFile(join(DEFAULT_DIR, TOKEN_FILE), 'the default', world)
  } catch (error) {
    if ((error as MeshError).cause === undefined) throw error
    throw new MeshError('TULLE_CONFIG', 'this needs the admin token, and none was given', {
      layer: 'cli',
      hint: `Set TULLE_ADMIN_TOKEN or TULLE_ADMIN_TOKEN_FILE, or say --token-file. On the plane's machine it is ${TOKEN_FILE} in the state directory: say --dir.`,
    })
  }
}

async function fromFile(path: string, source: string, world: World): Promise<AdminToken> {
  const place = resolve(world.cwd, path)
  const text = await readFile(place, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new MeshError(
      'TULLE_CONFIG',
      `${source}: ${place} cannot be read: ${cause.code ?? cause.message}`,
      {
        layer: 'cli',
        hint: 'The file holds the admin token; a plane writes it into its state directory at its first start.',
        cause,
      },
    )
  })
  return judged(text, place)
}

function judged(text: string, source: string): AdminToken {
  const token = text.trim()
  const content = readToken(token)
  if (content !== undefined && token.startsWith('tulle_admin_')) return { token, content }
  const what =
    content === undefined
      ? 'does not hold a token'
      : `holds a join token (of ${content.service ?? 'any service'})`
  throw new MeshError('TULLE_CONFIG', `${source} ${what}; an admin token begins with tulle_admin_`, {
    layer: 'cli',
    hint: 'The plane wrote its admin token into its state directory at its first start.',
  })
}
