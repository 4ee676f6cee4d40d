import {
  request as ask,
  createServer,
  Agent as HttpAgent,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ApiAnswer } from './api.ts'
import { json, type Reply } from './replies.ts'
import { RequestLog, type SeenRequest } from './request-log.ts'
import type { Agent } from './running-agent.ts'

/** What becomes of an answer; undefined: nothing. */
export type Mangle = (request: SeenRequest) => Reply | undefined

/** A proxy in front of a real agent that answers in its place, or lets the agent answer, as it is told. */
export interface Mangler {
  readonly address: string
  readonly log: RequestLog
  /** From now on, what waits at the agent included; undefined: the agent answers. */
  mangle(how: Mangle | undefined): void
  /** Ends every connection. */
  drop(): void
  close(): Promise<void>
}

interface Waiting {
  readonly seen: SeenRequest
  instead(reply: Reply): void
}

/** For plain HTTP agents. */
export async function startMangler(agent: Agent): Promise<Mangler> {
  const log = new RequestLog()
  const { hostname, port } = new URL(agent.address)
  const upstreams = new HttpAgent({ keepAlive: true })
  const waiting = new Set<Waiting>()
  let how: Mangle | undefined
  const server = createServer({ keepAliveTimeout: 60_000, requestTimeout: 0 }, (request, response) => {
    const seen = log.note(request, response)
    response.on('error', () => {})
    const reply = how?.(seen)
    if (reply !== undefined) {
      request.resume()
      answer(reply, response)
      return
    }
    const { method, url: path, headers } = request
    const onward = ask({ hostname, port, method, path, headers, agent: upstreams })
    const one: Waiting = {
      seen,
      instead: (other) => {
        waiting.delete(one)
        onward.destroy()
        answer(other, response)
      },
    }
    waiting.add(one)
    onward.on('response', (incoming: IncomingMessage) => {
      if (!waiting.delete(one)) return
      response.writeHead(incoming.statusCode ?? 502, incoming.headers)
      incoming.on('error', () => response.destroy()).pipe(response)
    })
    onward.on('error', () => {
      if (waiting.delete(one)) response.destroy()
    })
    response.once('close', () => onward.destroy())
    request.on('error', () => {}).pipe(onward)
  })
  log.watch(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    log,
    mangle: (next) => {
      how = next
      for (const each of [...waiting]) {
        const reply = next?.(each.seen)
        if (reply !== undefined) each.instead(reply)
      }
    },
    drop: () => server.closeAllConnections(),
    close: async () => {
      server.closeAllConnections()
      upstreams.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

/** Where a reply fails, because the agent has gone, its connection ends. */
function answer(reply: Reply, response: ServerResponse): void {
  Promise.resolve(reply(response)).catch(() => response.destroy())
}

/** What the agent answers at once, with another index: garbage is allowed; null: none. */
export const reindexed =
  (agent: Agent, seen: SeenRequest, index: string | null): Reply =>
  async (response) => {
    const { text, status } = await question(agent, seen, { index: undefined, wait: undefined })
    if (!response.destroyed) await json(text, { status, index })(response)
  }

/** What the agent answers to the same question with another wait, such as `2s`: what takes a minute takes less. */
export const hurried =
  (agent: Agent, seen: SeenRequest, wait: string): Reply =>
  async (response) => {
    const { text, status, headers } = await question(agent, seen, { wait })
    const index = headers['x-consul-index']
    if (!response.destroyed)
      await json(text, { status, index: typeof index === 'string' ? index : null })(response)
  }

function question(
  agent: Agent,
  { path, query }: SeenRequest,
  other: { readonly index?: undefined; readonly wait?: string | undefined },
): Promise<ApiAnswer> {
  const asked = new URLSearchParams(query)
  for (const [name, value] of Object.entries(other)) {
    if (value === undefined) asked.delete(name)
    else if (asked.has(name)) asked.set(name, value)
  }
  return agent.api('GET', `${path}?${asked}`)
}
