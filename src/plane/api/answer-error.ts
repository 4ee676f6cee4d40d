import { z } from 'zod'
import { isMeshError } from '../../core/errors.ts'
import type { Logger } from '../../core/ports.ts'
import { isFull } from '../disk.ts'
import { PolicyRefusal } from '../policy-refusal.ts'
import { Refusal } from '../refusal.ts'

export interface ErrorAnswer {
  readonly status: number
  /** `refusalWire`. */
  readonly body: { readonly error: string; readonly message: string; readonly [more: string]: unknown }
  readonly retryAfterMs?: number | undefined
}

/** What went wrong as it is told to whoever asked. What nobody foresaw is logged, and told without its words. */
export function errorAnswer(error: unknown, log: Logger): ErrorAnswer {
  if (error instanceof Refusal)
    return { status: error.status, body: error.toJSON(), retryAfterMs: error.retryAfterMs }
  if (error instanceof PolicyRefusal)
    return {
      status: 422,
      body: { error: 'TULLE_POLICY', message: error.message, problems: error.problems },
    }
  if (error instanceof z.ZodError) return { status: 400, body: malformed(error) }
  if (isMeshError(error)) {
    const { code, message, hint } = error
    const status = code === 'TULLE_CLOSED' || code === 'TULLE_CONSUL' ? 503 : isFull(error) ? 507 : 500
    log.error(`a request could not be served: ${message}`, { code })
    return { status, body: { error: code, message, hint } }
  }
  const { statusCode = 500, message } = error as { statusCode?: number; message: string }
  if (statusCode >= 400 && statusCode < 500)
    return { status: statusCode, body: { error: statusCode === 413 ? 'too-large' : 'malformed', message } }
  log.error('a request failed for a reason nobody foresaw', { error })
  return { status: 500, body: { error: 'internal', message: 'the plane failed; its log says why' } }
}

function malformed({ issues }: z.ZodError): ErrorAnswer['body'] {
  const said = issues
    .slice(0, 5)
    .map(({ path, message }) => `${path.length === 0 ? 'the body' : path.join('.')}: ${message}`)
  return { error: 'malformed', message: said.join('; ') }
}
