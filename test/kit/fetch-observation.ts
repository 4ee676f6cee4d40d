import { inspect } from 'node:util'
import { type Answer, type Arm, urlOf } from './fetch-arms.ts'
import { described, thrownBy } from './fetch-errors.ts'
import { type Reading, readings } from './fetch-readings.ts'

/** When the caller's signal aborts. */
export type Abort =
  | 'never'
  | 'before'
  | 'at once'
  | 'while it waits'
  | 'after the head'
  | 'while it reads'
  | 'with the reading'
  | 'after all'

export interface Case {
  readonly answer: Answer
  readonly input?: 'string' | 'URL' | 'Request' | 'options as a Request'
  /** Behind the query. */
  readonly rest?: string
  readonly url?: string
  /** Made anew for each arm, since bodies can be read once. */
  readonly init?: () => Record<string, unknown> | null | undefined
  readonly reading?: Reading
  /** Whether somebody looks at `body` before it is read. */
  readonly peek?: boolean
  readonly abort?: Abort
  readonly reason?: unknown
}

/** Everything about one case that a program could see from its side, and what the server saw. */
export interface Observation {
  readonly client: unknown
  readonly server: unknown
}

export async function observe(arm: Arm, one: Case): Promise<Observation> {
  const before = arm.server.seen.length
  const client: Record<string, unknown> = {}
  await callOnce(arm, one, client)
  // What the server learns of a connection that was given up, it learns a little later.
  const { abort = 'never', reading } = one
  const gaveUp = one.answer.how !== 'cut' && (abort !== 'never' || reading === 'cancel' || reading === 'not')
  if (gaveUp) await settled(arm)
  const seen = arm.server.seen.slice(before)
  const end = (cut: boolean): unknown => (gaveUp ? cut : undefined)
  return {
    client,
    // Whether a request that is given up in the same tick is seen depends on the connections there are.
    server:
      abort === 'at once'
        ? undefined
        : {
            requests: seen.map((request) => ({
              ...request,
              cut: end(request.cut),
              headers: request.headers.map(boundaryless),
              body: boundaryless(request.body),
            })),
          },
  }
}

async function callOnce(arm: Arm, one: Case, client: Record<string, unknown>): Promise<void> {
  const { abort = 'never', reading = 'text' } = one
  const controller = new AbortController()
  const signal = abort === 'never' ? undefined : controller.signal
  const giveUp = (): void => ('reason' in one ? controller.abort(one.reason) : controller.abort())
  const describe = (error: unknown): unknown => described(error, controller.signal)
  if (abort === 'before') giveUp()
  try {
    const arrived = abort === 'while it waits' ? arm.server.arrived() : undefined
    const promise = begin(arm, one, signal)
    if (abort === 'at once') giveUp()
    void arrived?.then(giveUp)
    const res = await promise
    client.head = await headOf(res, one.peek === true)
    if (abort === 'after the head') giveUp()
    if (abort === 'while it reads') setTimeout(giveUp, 15)
    try {
      const read = readings[reading](res)
      if (abort === 'with the reading') giveUp()
      client.body = await read
    } catch (error) {
      client.body = { threw: describe(error) }
    }
    if (abort === 'after all') giveUp()
    client.after = await afterwards(res, describe)
  } catch (error) {
    client.rejected = describe(error)
  }
}

function begin(arm: Arm, one: Case, signal: AbortSignal | undefined): Promise<Response> {
  const { answer, input = 'string', rest = '', url = urlOf(answer, rest) } = one
  const made = one.init?.()
  const init = signal === undefined ? made : { ...made, signal }
  if (input === 'URL') return arm.fetch(new URL(url), init)
  if (input === 'Request') return arm.fetch(new Request(url, init as RequestInit))
  if (input === 'options as a Request') return arm.fetch(url, new Request(url, init as RequestInit))
  return init === undefined ? arm.fetch(url) : arm.fetch(url, init)
}

async function headOf(res: Response, peek: boolean): Promise<unknown> {
  return {
    status: res.status,
    statusText: res.statusText,
    ok: res.ok,
    redirected: res.redirected,
    type: res.type,
    url: res.url,
    headers: [...res.headers],
    names: [...res.headers.keys()],
    cookies: res.headers.getSetCookie(),
    copied: [...new Headers(res.headers)],
    own: [res.headers].includes(res.headers),
    missing: [res.headers.get('x-missing'), res.headers.has('x-missing'), res.headers.has('Content-Length')],
    guard: [
      thrownBy(() => res.headers.set('a', 'b')),
      thrownBy(() => res.headers.append('a', 'b')),
      thrownBy(() => res.headers.delete('a')),
      thrownBy(() => res.headers.set('a b', 'c')),
      thrownBy(() => res.headers.append('a', 'b\nc')),
      thrownBy(() => (res.headers as any).set('a')),
      thrownBy(() => res.headers.get('é')),
    ],
    kind: [
      res instanceof Response,
      res.headers instanceof Headers,
      res.constructor === Response,
      res.headers.constructor === Headers,
      Object.prototype.toString.call(res),
      Object.prototype.toString.call(res.headers),
      Object.keys(res),
    ],
    enumerable: namesOf(res),
    structured: thrownBy(() => structuredClone(res)),
    body: !peek
      ? undefined
      : res.body === null
        ? null
        : [Object.prototype.toString.call(res.body), res.body.locked],
    used: res.bodyUsed,
  }
}

const namesOf = (object: object): string[] => {
  const names: string[] = []
  for (const name in object) names.push(name)
  return names.sort()
}

async function afterwards(res: Response, describe: (error: unknown) => unknown): Promise<unknown> {
  const after: Record<string, unknown> = { used: res.bodyUsed, locked: res.body?.locked }
  after.printed = inspect(res, { colors: false }).replace(/state: '\w+'/, 'state')
  after.cloned = thrownBy(() => res.clone())
  if (!res.bodyUsed) return after
  after.textStream = thrownBy(() => (res as any).textStream?.())
  for (const again of ['text', 'json', 'blob', 'bytes', 'arrayBuffer', 'formData'] as const) {
    try {
      after[again] = await (res as any)[again]()
    } catch (error) {
      after[again] = describe(error)
    }
  }
  return after
}

const boundaryless = (text: string): string => text.replaceAll(/-{2,}formdata-undici-\d+/g, 'boundary')

async function settled(arm: Arm): Promise<void> {
  for (let i = 0, last = -1; i < 10; i++) {
    await new Promise((resolve) => setTimeout(resolve, 4))
    const now = arm.server.seen.filter(({ cut }) => cut).length
    if (now === last) return
    last = now
  }
}
