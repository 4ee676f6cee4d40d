import type { PlaneAnswer } from '../core/plane.ts'
import { nonsense, refused } from './plane-words.ts'

/** What an answer may weigh, in bytes. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024

/** An answer whose head is there. */
export interface RawAnswer {
  readonly statusCode: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: AsyncIterable<Uint8Array> & { destroy(error?: Error): unknown }
}

/** Reads an answer to its end and says what it is. Throws TULLE_PLANE for what is no plane's, or the plane's refusal. */
export async function readAnswer(url: URL, { statusCode, headers, body }: RawAnswer): Promise<PlaneAnswer> {
  const bytes = await whole(url, headers['content-length'], body)
  const etag = typeof headers.etag === 'string' ? headers.etag : undefined
  if (statusCode === 304) return { status: 304, etag, body: undefined }
  const good = statusCode >= 200 && statusCode < 300
  if (bytes.length === 0 && good) return { status: statusCode, etag, body: undefined }
  const type = String(headers['content-type'] ?? 'no content type')
  const json = /^application\/(?:[\w.-]+\+)?json\b/i.test(type)
  if (!good) throw refused(url, statusCode, json ? attempted(bytes) : undefined)
  if (!json) throw nonsense(url, `${type.slice(0, 100)} where JSON was expected`)
  try {
    return { status: statusCode, etag, body: parsed(bytes) }
  } catch (error) {
    throw nonsense(url, `what is not JSON: ${(error as Error).message.slice(0, 200)}`, error)
  }
}

async function whole(url: URL, length: unknown, body: RawAnswer['body']): Promise<Uint8Array> {
  const tooMuch = () => nonsense(url, `more than ${MAX_ANSWER_BYTES} bytes`)
  if (Number(length ?? 0) > MAX_ANSWER_BYTES) {
    body.destroy()
    throw tooMuch()
  }
  const chunks: Uint8Array[] = []
  let size = 0
  // Leaving the loop destroys the body, and the connection with it.
  for await (const chunk of body) {
    size += chunk.byteLength
    if (size > MAX_ANSWER_BYTES) throw tooMuch()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function parsed(bytes: Uint8Array): unknown {
  return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
}

function attempted(bytes: Uint8Array): unknown {
  try {
    return parsed(bytes)
  } catch {
    return undefined
  }
}
