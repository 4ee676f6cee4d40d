import type { Command } from 'commander'
import type { ZodType } from 'zod'
import { MeshError } from '../core/errors.ts'
import type { PlaneRequest } from '../core/plane.ts'
import { findAdminToken, type TokenPlaces } from './admin-token.ts'
import type { World } from './world.ts'

export interface AdminOptions extends TokenPlaces {
  readonly plane?: string | undefined
  readonly json?: boolean | undefined
}

/** The options of every command that asks the plane as an administrator. */
export function asAdmin(command: Command): Command {
  return command
    .option('--token-file <path>', 'file that holds the admin token')
    .option('--dir <path>', "the plane's state directory, on its own machine: its admin token is used")
    .option('--plane <urls>', 'planes to ask, separated by commas, instead of those the token names')
    .option('--json', 'print JSON instead of lines')
}

/** How long a plane may take to write, in milliseconds: one that keeps its state in Consul waits for an election there. */
export const WRITE_MS = 20_000

export type Ask = <T>(answer: ZodType<T>, request: Omit<PlaneRequest, 'auth'>) => Promise<T>

/** Asks the plane with the admin token, and hangs up. @throws {MeshError} TULLE_CONFIG, TULLE_PLANE, TULLE_PLANE_REFUSED */
export async function withPlane<T>(
  options: AdminOptions,
  world: World,
  use: (ask: Ask) => Promise<T>,
): Promise<T> {
  const { token, content } = await findAdminToken(options, world)
  const urls = options.plane?.split(',').map((url) => url.trim()) ?? content.urls
  const link = await world.openLink({ urls, token })
  try {
    return await use(async (answer, request) => {
      const { body } = await link.send({ ...request, auth: 'token' })
      const parsed = answer.safeParse(body)
      if (parsed.success) return parsed.data
      const [issue] = parsed.error.issues
      throw new MeshError(
        'TULLE_PLANE',
        `the plane answered ${request.method} ${request.path} in words this version does not know: ${issue?.path.join('.') || 'the answer'}: ${issue?.message ?? ''}`,
        { layer: 'cli', hint: 'Is the plane of another version than this command?' },
      )
    })
  } finally {
    await link.close()
  }
}

/** A segment of a path. */
export const segment = (text: string | number): string => encodeURIComponent(text)
