import { MeshError } from '../core/errors.ts'

/** A call that is malformed in itself: refused before it costs anything. */
export function mistake(message: string, cause?: unknown): MeshError {
  return new MeshError('TULLE_BAD_CALL', message, { layer: 'http', cause })
}
