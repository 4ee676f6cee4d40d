import { createHash } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ConsulRequest } from '../core/consul.ts'
import { isMeshError } from '../core/errors.ts'
import { nonsense, oneLine } from './consul-words.ts'
import { ListParser, parseWhole } from './json-list.ts'

/** What an answer may weigh, in bytes: 10,000 instances with ten checks each are about 40 MB. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024
/**
 * How much is parsed before others get their turn, in bytes: about a dozen instances, 0.2 ms, and even where nothing of it
 * is compiled yet a few milliseconds.
 */
const SLICE_BYTES = 16 * 1024
/** Of a refusal's words, as many as are read, and as many as are repeated. */
const MAX_WORDS_BYTES = 4096
const MAX_WORDS = 300

export interface AnswerBody {
  readonly digest: string
  readonly body: unknown
}

/** Leaving its loop early destroys the connection. */
export type Content = AsyncIterable<Uint8Array>

/** The digest of what is not there, whatever words come with it. */
const ABSENT = { digest: 'absent', body: undefined }

/**
 * Reads a body to its end. A JSON list is parsed while it comes, in slices that let the event loop turn: `JSON.parse`
 * of 10,000 instances as a whole holds it for a tenth of a second.
 * Throws TULLE_CONSUL for what is too long or no JSON. The time is the caller's to bound.
 */
export async function readBody(where: string, content: Content, request: ConsulRequest): Promise<AnswerBody> {
  const hash = createHash('sha1')
  const parser = request.expects === 'bytes' ? undefined : new ListParser(request.eachItem)
  const whole: Uint8Array[] = []
  let size = 0
  let slice = 0
  for await (const chunk of content) {
    size += chunk.byteLength
    if (size > MAX_ANSWER_BYTES) throw nonsense(where, `more than ${MAX_ANSWER_BYTES} bytes`)
    hash.update(chunk)
    for (let at = 0; parser !== undefined && parser.isList !== false && at < chunk.byteLength; ) {
      const part = chunk.subarray(at, at + SLICE_BYTES)
      guarded(where, () => parser.push(part))
      at += part.byteLength
      slice += part.byteLength
      if (slice < SLICE_BYTES) continue
      slice = 0
      await nextTurn()
    }
    if (parser?.isList !== true) whole.push(chunk)
  }
  const digest = hash.digest('base64')
  if (parser === undefined) return { digest, body: Buffer.concat(whole) }
  // What is written is often answered with nothing.
  if (size === 0 && request.method !== 'GET') return { digest, body: undefined }
  if (parser.isList === true) return { digest, body: guarded(where, () => parser.end()) }
  return { digest, body: guarded(where, () => parseWhole(Buffer.concat(whole))) }
}

/** The words of a 404 that means "it is not there"; throws TULLE_CONSUL where they are not Consul's. */
export async function readAbsent(where: string, content: Content): Promise<AnswerBody> {
  const words = await readWords(content, (text) => text)
  if (isHtml(words)) throw nonsense(where, '404 with HTML')
  return ABSENT
}

/**
 * The beginning of a refusal, as one line. What is longer is not read, and the connection ends with it.
 * @param masked without what must not be repeated, before anything is cut off
 */
export async function readWords(content: Content, masked: (text: string) => string): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of content) {
    chunks.push(chunk)
    size += chunk.byteLength
    if (size > MAX_WORDS_BYTES) break
  }
  return oneLine(masked(Buffer.concat(chunks).toString('utf8')), MAX_WORDS)
}

export const isHtml = (words: string): boolean => /^\s*<(?:!doctype|html|head|body|\?xml)/i.test(words)

function guarded<T>(where: string, parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (isMeshError(error)) throw error
    const { message, code } = error as NodeJS.ErrnoException
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') throw nonsense(where, 'what is not UTF-8', error)
    const what = error instanceof SyntaxError ? 'what is not JSON' : 'what it should not'
    throw nonsense(where, `${what}: ${oneLine(message, 200)}`, error)
  }
}
