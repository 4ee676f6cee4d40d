/**
 * The upstream of `overhead.ts`: 1 KB answers, keep-alive, in a process of its own. Prints its port. Argument: the
 * folder of the certificates, for mutual TLS; without it plaintext.
 *
 * It does as little as it can and never sleeps. So the client is the slower side in every arm and finds as many answers
 * at each turn of its loop; and no write of it pays for waking a sleeper, which only the slower arm would pay.
 */
import { createServer, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { tlsOptions } from './certificates.ts'

const END_OF_HEAD = '\r\n\r\n'
const answer = Buffer.from(
  [
    'HTTP/1.1 200 OK',
    'content-type: text/plain',
    'content-length: 1024',
    'Date: Mon, 02 Mar 2026 08:00:00 GMT',
    'Connection: keep-alive',
    'Keep-Alive: timeout=60',
    '',
    'x'.repeat(1024),
  ].join('\r\n'),
)

const [certificates] = process.argv.slice(2)
const serve = (socket: Socket): void => {
  let head = ''
  socket.on('error', () => {})
  socket.on('data', (chunk) => {
    head += chunk.toString('latin1')
    if (!head.endsWith(END_OF_HEAD)) return
    head = ''
    socket.write(answer)
  })
}
const server =
  certificates === undefined
    ? createServer({ noDelay: true }, serve)
    : createTlsServer({ ...tlsOptions(certificates, 'orders'), requestCert: true, noDelay: true }, serve)
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (typeof address === 'object' && address !== null) process.stdout.write(`${address.port}\n`)
})
const stayAwake = (): void => void setImmediate(stayAwake)
stayAwake()
process.on('disconnect', () => process.exit())
