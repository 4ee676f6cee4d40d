import type { ServerResponse } from 'node:http'
import { delay } from '../wait.ts'

/** Answers one request, rightly or wrongly. */
export type Reply = (response: ServerResponse) => void | Promise<void>

export interface ReplyOptions {
  /** Default 200. */
  readonly status?: number
  /** `X-Consul-Index` as it stands on the wire: garbage is allowed; `null`: none. Default `1`. */
  readonly index?: number | string | null
  readonly headers?: Readonly<Record<string, string>>
}

function headOf({ index = 1, headers = {} }: ReplyOptions): Record<string, string> {
  return {
    'content-type': 'application/json',
    'x-consul-knownleader': 'true',
    'x-consul-lastcontact': '0',
    ...(index === null ? {} : { 'x-consul-index': String(index) }),
    ...headers,
  }
}

/** JSON, as an agent sends it; strings are sent as they are. */
export const json =
  (body: unknown, options: ReplyOptions = {}): Reply =>
  (response) => {
    response.writeHead(options.status ?? 200, headOf(options))
    response.end(textOf(body))
  }

/** What stands in front of the agent is no agent: a page of a proxy, with status 200. */
export const html = (text = '<html><body>It works!</body></html>'): Reply =>
  json(text, { index: null, headers: { 'content-type': 'text/html' } })

/** The body ends after `keep` of its characters, correctly framed. */
export const truncated = (body: unknown, keep = 0.5, options: ReplyOptions = {}): Reply => {
  const text = textOf(body)
  return json(text.slice(0, Math.floor(text.length * keep)), options)
}

/** One valid JSON array of `bytes`; stops when the client has had enough. */
export const huge =
  (bytes = 200 * 1024 * 1024, options: ReplyOptions = {}): Reply =>
  async (response) => {
    response.writeHead(options.status ?? 200, headOf(options))
    const chunk = Buffer.from(`"${'x'.repeat(65_533)}",`)
    response.write('[')
    for (let sent = 0; sent < bytes && !response.destroyed; sent += chunk.length)
      if (!response.write(chunk)) await flowing(response)
    response.end('""]')
  }

/** Says nothing, ever. */
export const hang = (): Reply => () => {}

/** Sends the head, the first `keep` of the body, and nothing more; the connection stays open. */
export const stall =
  (body: unknown, keep = 0.5, options: ReplyOptions = {}): Reply =>
  (response) => {
    const text = textOf(body)
    response.writeHead(options.status ?? 200, headOf(options))
    response.flushHeaders()
    response.write(text.slice(0, Math.max(1, Math.floor(text.length * keep))))
  }

/** Everything, `step` characters each `everyMs`. */
export const drip =
  (body: unknown, everyMs = 10, step = 1, options: ReplyOptions = {}): Reply =>
  async (response) => {
    const text = textOf(body)
    response.writeHead(options.status ?? 200, headOf(options))
    for (let at = 0; at < text.length && !response.destroyed; at += step) {
      response.write(text.slice(at, at + step))
      await delay(everyMs)
    }
    response.end()
  }

/** After `ms` as `reply` has it. */
export const late =
  (ms: number, reply: Reply): Reply =>
  async (response) => {
    await delay(ms)
    if (!response.destroyed) await reply(response)
  }

/** A lost token as servers of Consul answer it: at once, and with an index that invites to ask again at once. */
export const forbidden = (): Reply =>
  json('Permission denied', { status: 403, index: 1, headers: { 'content-type': 'text/plain' } })

export const failing = (status = 500, text = 'No cluster leader', options: ReplyOptions = {}): Reply =>
  json(text, { status, index: null, headers: { 'content-type': 'text/plain', ...options.headers } })

/** @param retryAfter Seconds, as the header has it; left out: no header. */
export const tooMany = (retryAfter?: number): Reply =>
  failing(429, 'Too many requests', {
    headers: retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) },
  })

/** RST before the head. */
export const reset = (): Reply => (response) => {
  response.socket?.resetAndDestroy()
}

/** RST after head and `keep` of the body. */
export const resetAmid =
  (body: unknown, keep = 0.5, options: ReplyOptions = {}): Reply =>
  (response) => {
    const text = textOf(body)
    const { socket } = response
    response.writeHead(options.status ?? 200, headOf(options))
    response.write(text.slice(0, Math.max(1, Math.floor(text.length * keep))), () =>
      socket?.resetAndDestroy(),
    )
  }

/** Bytes that are no HTTP. */
export const noise = (): Reply => (response) => {
  response.socket?.end('\x16\x03\x01 this is no HTTP\r\n\r\n')
}

function textOf(body: unknown): string {
  return typeof body === 'string' ? body : JSON.stringify(body)
}

function flowing(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      response.off('drain', go)
      response.off('close', go)
      resolve()
    }
    response.on('drain', go)
    response.on('close', go)
  })
}
