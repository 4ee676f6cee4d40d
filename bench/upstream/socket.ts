import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { tlsOptions } from '../certificates.ts'
import { ANSWER_BYTES, type UpstreamSettings } from '../messages.ts'
import type { Tally } from './main.ts'

/** As many addresses as the mesh and the stack put together by hand choose among. */
export const ADDRESSES = 4
const END_OF_HEAD = '\r\n\r\n'
const ANSWER = Buffer.from(
  [
    'HTTP/1.1 200 OK',
    'content-type: text/plain',
    `content-length: ${ANSWER_BYTES}`,
    'Date: Mon, 02 Mar 2026 08:00:00 GMT',
    'Connection: keep-alive',
    'Keep-Alive: timeout=600',
    '',
    'x'.repeat(ANSWER_BYTES),
  ].join('\r\n'),
)

/** HTTP/1.1 with as little as it can do: so the client is the slower side in every arm. */
export async function listenSocket({ certificates }: UpstreamSettings, tally: Tally): Promise<number[]> {
  const serve = (socket: Socket): void => {
    tally.connections++
    let text = ''
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      const bytes = wholeRequest(text)
      if (bytes === undefined) return
      if (text.length > bytes) socket.destroy(new Error('two requests at once'))
      tally.requests++
      if (text.includes('\r\ntraceparent: ')) tally.traced++
      text = ''
      socket.write(ANSWER)
    })
  }
  const servers = Array.from({ length: ADDRESSES }, () =>
    certificates === undefined
      ? createServer({ noDelay: true }, serve)
      : createTlsServer({ ...tlsOptions(certificates, 'orders'), requestCert: true, noDelay: true }, serve),
  )
  return Promise.all(servers.map(portOf))
}

/** How long the request is that has come whole; undefined while it has not. */
function wholeRequest(text: string): number | undefined {
  const headEnd = text.indexOf(END_OF_HEAD)
  if (headEnd < 0) return undefined
  const head = headEnd + END_OF_HEAD.length
  if (text.startsWith('GET ')) return head
  const [, length] = /\r\ncontent-length: *(\d+)/i.exec(text) ?? []
  if (length === undefined) throw new Error(`a body without its length: ${text.slice(0, 200)}`)
  const whole = head + Number(length)
  return text.length < whole ? undefined : whole
}

/** Listens on a port of its own choice. */
export function portOf(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : 0)
    })
  })
}
