import { createHash } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { MeshError } from '../core/errors.ts'
import { ListParser } from './json-list.ts'

/** What an answer may weigh, in bytes: 10,000 instances with ten checks each are about 40 MB. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024
/** How much is parsed before others get their turn, in bytes: about 2 ms. */
const SLICE_BYTES = 128 * 1024

export interface AnswerBody {
  readonly digest: string
  readonly body: unknown
}

/**
 * Reads a body to its end. A JSON list is parsed item by item while it comes, in slices that let the event loop turn:
 * `JSON.parse` of 10,000 instances as a whole holds it for a tenth of a second.
 * Throws TULLE_CONSUL for what is too long or no JSON. Leaving early destroys the connection.
 */
export async function readBody(
  where: string,
  chunks: AsyncIterable<Uint8Array>,
  expects: 'json' | 'bytes',
): Promise<AnswerBody> {
  const hash = createHash('sha1')
  const parser = expects === 'json' ? new ListParser() : undefined
  const whole: Uint8Array[] = []
  let size = 0
  let slice = 0
  for await (const chunk of chunks) {
    size += chunk.byteLength
    if (size > MAX_ANSWER_BYTES) throw nonsense(where, `more than ${MAX_ANSWER_BYTES} bytes`)
    hash.update(chunk)
    whole.push(chunk)
    if (parser?.isList === false) continue
    for (let at = 0; parser !== undefined && at < chunk.byteLength; at += SLICE_BYTES) {
      const part = chunk.subarray(at, at + SLICE_BYTES)
      guarded(where, () => parser.push(part))
      slice += part.byteLength
      if (slice < SLICE_BYTES) continue
      slice = 0
      await nextTurn()
    }
  }
  const digest = hash.digest('base64')
  if (parser === undefined) return { digest, body: Buffer.concat(whole) }
  if (parser.isList === true) return { digest, body: guarded(where, () => parser.end()) }
  return { digest, body: guarded(where, () => JSON.parse(textOf(Buffer.concat(whole)))) }
}

const textOf = (bytes: Uint8Array): string => new TextDecoder('utf-8', { fatal: true }).decode(bytes)

function guarded<T>(where: string, parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    throw nonsense(where, `what is not JSON: ${(error as Error).message.slice(0, 200)}`, error)
  }
}

export function nonsense(where: string, what: string, cause?: unknown): MeshError {
  return new MeshError('TULLE_CONSUL', `${where} answered ${what}`, {
    layer: 'consul',
    cause,
    hint: 'Is that the address of a Consul agent, and nothing else between it and this process?',
  })
}
