import type { Method } from '../arms/arm.ts'
import { type CallerSettings, PATH, POST_BODY } from '../messages.ts'

const CONTENT = { 'content-type': 'application/json' }

/** For a `request` that is given a URL. */
export const REQUESTS = {
  GET: { method: 'GET' },
  POST: { method: 'POST', headers: CONTENT, body: POST_BODY },
} as const

/** For `dispatch` and `request` of undici: the same object for every call, which neither keeps nor changes. */
export const requestsTo = (origin: string) => ({
  GET: { origin, path: PATH, ...REQUESTS.GET },
  POST: { origin, path: PATH, ...REQUESTS.POST },
})

/** For `fetch`. */
export const INITS: Readonly<Record<Method, RequestInit>> = {
  GET: {},
  POST: { method: 'POST', headers: CONTENT, body: POST_BODY },
}

export const originsOf = ({ ports, certificates }: CallerSettings): string[] =>
  ports.map((port) => `${certificates === undefined ? 'http' : 'https'}://127.0.0.1:${port}`)
