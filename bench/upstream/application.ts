import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { ANSWER_BYTES } from '../messages.ts'
import type { Tally } from './main.ts'

export const BODY = Buffer.alloc(ANSWER_BYTES, 'x')
/** Longer than an arm waits for its turn. */
export const KEEP_ALIVE_MS = 600_000

/** Sees each request, and each connection when its first request comes: no server tells of them in the same way. */
export function counted(tally: Tally): (req: IncomingMessage) => void {
  const seen = new WeakSet<object>()
  return (req) => {
    tally.requests++
    if (req.headers.traceparent !== undefined) tally.traced++
    if (seen.has(req.socket)) return
    seen.add(req.socket)
    tally.connections++
  }
}

/** What the application does, whoever listens for it. */
export function applicationOf(tally: Tally): RequestListener {
  const count = counted(tally)
  return (req, res) => {
    count(req)
    if (req.method === 'GET') reply(res)
    else req.on('end', () => reply(res)).resume()
  }
}

function reply(res: ServerResponse): void {
  res.writeHead(200, { 'content-type': 'text/plain', 'content-length': BODY.length })
  res.end(BODY)
}
