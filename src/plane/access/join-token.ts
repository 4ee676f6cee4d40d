import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { readToken, type TokenContent } from '../../core/plane-wire.ts'

/** What a join token says of itself, besides where the plane is. */
const claims = z.looseObject({
  id: z.string().regex(/^[0-9a-f]{16}$/),
  service: z.string().min(1),
  expiresAtMs: z.number().optional(),
  uses: z.int().min(1).optional(),
})

export interface JoinClaims extends TokenContent {
  readonly id: string
  /** `*`: any; only a plane in dev mode makes or takes these. */
  readonly service: string
  /** Wall-clock milliseconds; undefined: never. */
  readonly expiresAtMs?: number | undefined
  /** How often it may be used; undefined: without end. */
  readonly uses?: number | undefined
}

export function newTokenId(): string {
  return randomBytes(8).toString('hex')
}

const secretOf = (content: string, key: Uint8Array): string =>
  createHmac('sha256', key).update(`tulle join token 1\n${content}`).digest('base64url')

/**
 * `tulle_join_<content>.<secret>`. The secret is an HMAC over the content's text, so a token is good from the moment it
 * is made, before anything of it is written, and no altered one ever is.
 */
export function writeJoinToken(content: JoinClaims, key: Uint8Array): string {
  const text = Buffer.from(JSON.stringify(content)).toString('base64url')
  return `tulle_join_${text}.${secretOf(text, key)}`
}

/**
 * What a token says, where it was made with this key; undefined: it was not, or is no join token. The secret is
 * compared as text: base64url spells the same bytes in more than one way, and only ours is taken.
 */
export function readJoinToken(token: string, key: Uint8Array): JoinClaims | undefined {
  const [, content, secret] = /^tulle_join_([\w-]{1,8000})\.([\w-]{43})$/.exec(token) ?? []
  if (content === undefined || secret === undefined) return undefined
  if (!timingSafeEqual(Buffer.from(secret), Buffer.from(secretOf(content, key)))) return undefined
  const where = readToken(token)
  if (where === undefined) return undefined
  const own = claims.safeParse(JSON.parse(Buffer.from(content, 'base64url').toString()))
  return own.success ? { ...where, ...own.data } : undefined
}
