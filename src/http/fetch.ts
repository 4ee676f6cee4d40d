import { type Dispatcher, request as undiciRequest } from 'undici'
import { isMeshError } from '../core/errors.ts'
import { FetchDefaults } from './lean-defaults.ts'
import { leanFetch } from './lean-fetch.ts'
import { handOver } from './lean-handover.ts'
import { leanRequest } from './lean-request.ts'
import type { MeshCallOptions } from './options.ts'
import type { MeshDispatcher } from './seam.ts'

type BuiltIn = typeof globalThis.fetch
export type MeshFetchInit = RequestInit & { readonly mesh?: MeshCallOptions | undefined }
/** The built-in `fetch`, with `mesh` beside its own options. */
export type MeshFetch = (input: Parameters<BuiltIn>[0], init?: MeshFetchInit) => ReturnType<BuiltIn>

/** What the built-in fetch reads of its options, be they its own or inherited. */
const INHERITABLE = [
  'body',
  'cache',
  'credentials',
  'duplex',
  'headers',
  'integrity',
  'keepalive',
  'method',
  'mode',
  'priority',
  'redirect',
  'referrer',
  'referrerPolicy',
  'signal',
  'window',
] as const

/**
 * `mesh.fetch`: what the runtime's own fetch does, for a fraction of its cost. A plain request to a name of the mesh
 * goes straight to dispatch, and its answer is a `Response` made of what arrives (`lean-*.ts`); everything else, and
 * answers that mean more than themselves, goes through the built-in fetch over the mesh's dispatcher.
 *
 * Where fetch would say only "fetch failed", it rejects with the MeshError itself (also a TypeError); the caller's own
 * abort reason comes back unwrapped, as in every fetch. A body that breaks while it is read fails as fetch has it: a
 * TypeError "terminated" whose cause is the MeshError.
 */
export function createFetch(dispatcher: MeshDispatcher, builtIn: BuiltIn = globalThis.fetch): MeshFetch {
  const defaults = new FetchDefaults(builtIn)
  const claims = (origin: string): boolean => dispatcher.claims(origin)
  const through = new OneCall(dispatcher, undefined)
  return function fetch(input, init) {
    const mesh = init?.mesh
    const over = mesh === undefined ? through : new OneCall(dispatcher, mesh)
    const request = leanRequest(input, init, defaults, claims)
    if (request !== undefined)
      return leanFetch(request, over, (answer) => unwrapped(() => handOver(answer, builtIn, over)))
    // biome-ignore lint/complexity/noArguments: to be told of a call without any in fetch's own words
    if (arguments.length === 0) return (builtIn as () => Promise<Response>)()
    return unwrapped(() => builtIn(input, isDictionary(init) ? optionsOf(init, over) : init))
  }
}

const isDictionary = (init: unknown): init is MeshFetchInit | null | undefined =>
  init === undefined || typeof init === 'object' || typeof init === 'function'

const isLiteral = (init: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(init)
  return prototype === Object.prototype || prototype === null
}

/** What a class or a `Request` in the place of options has, it inherits. */
function optionsOf(init: MeshFetchInit | null | undefined, dispatcher: OneCall): RequestInit {
  const options: Record<string, unknown> = { ...init, dispatcher }
  if (init === undefined || init === null || isLiteral(init)) return options as RequestInit
  for (const name of INHERITABLE) options[name] ??= (init as Record<string, unknown>)[name]
  return options as RequestInit
}

/** A dispatcher to fetch, which hands its options on to no dispatcher; this one remembers those of the call. */
class OneCall {
  readonly #dispatcher: MeshDispatcher
  readonly #mesh: MeshCallOptions | undefined

  constructor(dispatcher: MeshDispatcher, mesh: MeshCallOptions | undefined) {
    this.#dispatcher = dispatcher
    this.#mesh = mesh
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    return this.#dispatcher.send(options, handler, this.#mesh)
  }
}

async function unwrapped(call: () => Promise<Response>): Promise<Response> {
  try {
    return await call()
  } catch (error) {
    const cause = error instanceof TypeError ? error.cause : undefined
    throw isMeshError(cause) ? cause : error
  }
}

type RequestUrl = Parameters<typeof undiciRequest>[0]
type RequestOptions = NonNullable<Parameters<typeof undiciRequest>[1]>
export type MeshRequestOptions = Omit<RequestOptions, 'dispatcher'> & {
  readonly mesh?: MeshCallOptions | undefined
}
/** `undici.request`, with `mesh` beside its own options. */
export type MeshRequest = (
  url: RequestUrl,
  options?: MeshRequestOptions,
) => Promise<Dispatcher.ResponseData<unknown>>

/** `mesh.request`: undici's own request over the mesh's dispatcher. */
export function createRequest(dispatcher: MeshDispatcher): MeshRequest {
  return (url, options) => undiciRequest(url, { ...options, dispatcher } as RequestOptions)
}
