import type { IncomingMessage, ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'

export const ANSWER_BYTES = 1024
const BODY = Buffer.alloc(ANSWER_BYTES, 'x')
const ZIPPED = gzipSync(BODY)
const LONG = Buffer.alloc(200_000, 'x')
const TEXT = { 'content-type': 'text/plain' }

let flaky = 0

type Answer = (response: ServerResponse, request: IncomingMessage) => void

const ITEMS: Answer = (response) => send(response, 200, BODY)
const ANSWERS: Readonly<Record<string, Answer>> = {
  '/items': ITEMS,
  '/missing': (response) => send(response, 404, 'nothing here'),
  '/flaky': (response) => (flaky++ % 2 === 0 ? send(response, 503, 'not now') : send(response, 200, BODY)),
  '/moved': (response) => send(response.setHeader('location', '/items'), 302, ''),
  '/zipped': (response) => send(response.setHeader('content-encoding', 'gzip'), 200, ZIPPED),
  '/long': (response) => send(response, 200, LONG),
  '/reset': (_, request) => void request.socket.destroy(),
  '/never': () => {},
}

/** Answers as its path says; a body that comes with the request is read first. */
export function application(request: IncomingMessage, response: ServerResponse): void {
  const answer = ANSWERS[request.url?.split('?')[0] as string] ?? ITEMS
  if (request.method === 'GET') answer(response, request)
  else request.on('end', () => answer(response, request)).resume()
}

function send(response: ServerResponse, status: number, body: string | Buffer): void {
  response.writeHead(status, { ...TEXT, 'content-length': Buffer.byteLength(body) }).end(body)
}
