import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import { tlsOptions } from '../certificates.ts'
import { type CallerSettings, PATH, POST_BODY } from '../messages.ts'
import type { Caller, Done } from './drive.ts'
import { judge } from './sink.ts'

/** Node's own client with connections that are kept. */
export function httpRequestCaller({ ports, certificates }: CallerSettings): Caller {
  const secure = certificates !== undefined
  const agent = secure
    ? new HttpsAgent({ keepAlive: true, maxCachedSessions: 0, ...tlsOptions(certificates, 'bench') })
    : new HttpAgent({ keepAlive: true })
  const request = secure ? requestHttps : requestHttp
  const to = { agent, host: '127.0.0.1', port: ports[0], path: PATH }
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(POST_BODY) }
  const options = { GET: to, POST: { ...to, method: 'POST', headers } }
  return {
    once: (method, done) => {
      const sent = request(options[method], (answer) => read(answer, done))
      sent.on('error', done)
      sent.end(method === 'POST' ? POST_BODY : undefined)
    },
  }
}

function read(answer: IncomingMessage, done: Done): void {
  let bytes = 0
  answer.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })
  answer.on('end', () => done(judge(answer.statusCode ?? 0, bytes)))
  answer.on('error', done)
}
