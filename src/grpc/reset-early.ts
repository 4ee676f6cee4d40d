import type { Server } from '@grpc/grpc-js'

/** What grpc-js asks of a stream before anything else, and answers by itself where it is no gRPC. */
const FIRST_QUESTION = '_verifyContentType'

interface Stream {
  readonly destroyed: boolean
  readonly closed: boolean
}
type Question = (stream: Stream, ...rest: unknown[]) => boolean

const GUARDED = new WeakSet<Server>()

/**
 * Has a server pass over streams that were reset before it looked at them. grpc-js (1.12.6 to 1.14.7) answers a stream
 * that is no gRPC, or names a method it does not have, without asking whether the stream is still there; where HEADERS and
 * RST_STREAM come in one packet it is not, `respond` throws with nobody above it, and one packet of a stranger ends the
 * process. No public way leads there: interceptors are asked for methods that exist alone. So this is the one place that
 * touches a method that is not public, and where a version has none of that name nothing is done.
 */
export function survivesEarlyResets(server: Server): void {
  const methods = server as unknown as Record<string, Question | undefined>
  const ask = methods[FIRST_QUESTION]
  if (typeof ask !== 'function' || GUARDED.has(server)) return
  GUARDED.add(server)
  methods[FIRST_QUESTION] = (stream, ...rest) =>
    !stream.destroyed && !stream.closed && ask.call(server, stream, ...rest)
}
