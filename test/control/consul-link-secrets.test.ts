import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import { type AddressInfo, createServer as createTcp, type Server } from 'node:net'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { HttpConsulLink } from '../../src/control/consul-link.ts'
import { systemClock } from '../../src/platform/clock.ts'
import type { Cleanup } from '../kit/process.ts'

const TOKEN = '7f3c2a10-secret-of-the-acl'
const AUTH = 'operator:secret-of-the-proxy'
const BASIC = Buffer.from(AUTH).toString('base64')
const SECRETS = [TOKEN, AUTH, 'secret-of-the-proxy', BASIC, TOKEN.slice(0, 8), BASIC.slice(0, 8)]

/** Everything that an error shows to whoever looks: its causes and what is hidden in them. */
async function shown(t: Cleanup, server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const said: string[] = []
  const say = (...words: unknown[]): void => void said.push(inspect(words, { depth: 9 }))
  const link = new HttpConsulLink({
    address: `http://127.0.0.1:${port}`,
    token: TOKEN,
    auth: AUTH,
    clock: systemClock,
    random: Math.random,
    log: { debug: say, info: say, warn: say, error: say },
  })
  t.after(async () => {
    await link.close()
    server.close()
  })
  const error = await link.send({ method: 'GET', path: '/v1/agent/self' }).then(
    () => assert.fail('nothing was thrown'),
    (thrown: Error) => thrown,
  )
  return [inspect(error, { depth: 9, showHidden: true }), error.stack, ...said].join('\n')
}

type Echo = (headers: IncomingMessage['headers']) => string

const echo = (
  status: number,
  body: Echo,
  more: (headers: IncomingMessage['headers']) => OutgoingHttpHeaders,
) =>
  createServer(({ headers }, response) => {
    response.writeHead(status, { connection: 'close', ...more(headers) }).end(body(headers))
  })
const none = (): OutgoingHttpHeaders => ({})
const both: Echo = (headers) => `${headers['x-consul-token']} ${headers.authorization}`

const ECHOES: Readonly<Record<string, () => Server>> = {
  'a server that sends everything back': () =>
    createTcp((socket) => {
      socket.on('error', () => {})
      socket.pipe(socket)
    }),
  'a refusal with all headers in its words': () => echo(500, (headers) => JSON.stringify(headers), none),
  'a refusal whose words end in the middle of a secret': () =>
    echo(500, (headers) => `${'.'.repeat(280)}${headers['x-consul-token']}`, none),
  'a refusal whose words end in the middle of the other': () =>
    echo(403, (headers) => `${'.'.repeat(280)}${headers.authorization}`, none),
  'an answer that is not JSON': () => echo(200, (headers) => String(headers['x-consul-token']), none),
  'an answer that is not JSON, of the other': () =>
    echo(200, (headers) => String(headers.authorization).slice(6), none),
  'a list that is not JSON': () => echo(200, (headers) => `[${headers['x-consul-token']}]`, none),
  'a coding': () => echo(200, both, (headers) => ({ 'content-encoding': both(headers) })),
  'a redirection': () => echo(302, both, (headers) => ({ location: `http://evil.test/${both(headers)}` })),
}

for (const [name, server] of Object.entries(ECHOES))
  test(`what is shown to the agent is in no error and no log: ${name}`, async (t) => {
    const text = await shown(t, server())
    for (const secret of SECRETS) assert.ok(!text.includes(secret), `${secret}: ${text}`)
  })

test('a certificate that is cut by whatever stands in between shows no letter of its key', async (t) => {
  const key = 'MHcCAQEEIBaaaabbbbccccddddeeeeffffgggghhhhiiiijjjj'
  const body = `{"CertPEM":"x","PrivateKeyPEM":${key}"}`
  const text = await shown(
    t,
    echo(200, () => body, none),
  )
  for (let at = 0; at + 5 <= key.length; at++) assert.ok(!text.includes(key.slice(at, at + 5)), text)
})
