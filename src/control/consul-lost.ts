import { type ConsulLink, ConsulRefusal } from '../core/consul.ts'
import { MeshError } from '../core/errors.ts'

/** How many of what is gone are asked for singly: a token that was lost, lost all of them. */
const MAX_ASKED = 8

export interface Gone {
  /** For messages: `the key tulle/mesh.yaml`. */
  readonly what: string
  /** Where the agent has it, if it has it. */
  readonly path: string
}

/**
 * Lists leave out what a token may not read, without a word (before 1.13) and with status 200: asked for one thing the
 * agent says which it is, 404 or 403. Resolves where what is gone from a list is gone; rejects with TULLE_CONSUL where
 * it is there, or where that could not be learnt.
 */
export async function confirmGone(
  link: Pick<ConsulLink, 'send'>,
  gone: readonly Gone[],
  signal?: AbortSignal,
): Promise<void> {
  for (const { what, path } of gone.slice(0, MAX_ASKED)) {
    try {
      const { status } = await link.send({ method: 'GET', path, mayBeAbsent: true }, signal)
      if (status !== 404) throw lost(`${what} is there, but left out of the list it was in`)
    } catch (error) {
      if (!(error instanceof ConsulRefusal) || error.status !== 403) throw error
      throw lost(`${what} may no longer be read: ${error.words}`, error)
    }
  }
}

function lost(what: string, cause?: unknown): MeshError {
  return new MeshError('TULLE_CONSUL', `${what}; what it said last stays in force`, {
    layer: 'consul',
    cause,
    hint: 'Was the ACL token replaced, or has it expired?',
  })
}
