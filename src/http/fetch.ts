import { type Dispatcher, request as undiciRequest } from 'undici'
import { isMeshError } from '../core/errors.ts'
import type { MeshCallOptions } from './options.ts'
import type { MeshDispatcher } from './seam.ts'

type BuiltIn = typeof globalThis.fetch
export type MeshFetchInit = RequestInit & { readonly mesh?: MeshCallOptions | undefined }
/** The built-in `fetch`, with `mesh` beside its own options. */
export type MeshFetch = (input: Parameters<BuiltIn>[0], init?: MeshFetchInit) => ReturnType<BuiltIn>

/**
 * `mesh.fetch`: the runtime's own fetch over the mesh's dispatcher, so Request, Response, redirects and decompression
 * are the real ones. Where fetch would say only "fetch failed", it rejects with the MeshError itself (also a
 * TypeError); the caller's own abort reason comes back unwrapped, as in every fetch. A body that breaks while it is
 * read fails as fetch has it: a TypeError "terminated" whose cause is the MeshError.
 */
export function createFetch(dispatcher: MeshDispatcher, builtIn: BuiltIn = globalThis.fetch): MeshFetch {
  return async (input, init) => {
    const { mesh, ...rest } = init ?? {}
    const through = mesh === undefined ? dispatcher : new OneCall(dispatcher, mesh)
    try {
      return await builtIn(input, { ...rest, dispatcher: through } as unknown as RequestInit)
    } catch (error) {
      throw causeOf(error)
    }
  }
}

/** fetch hands its options on to no dispatcher; this one remembers them. */
class OneCall {
  readonly #dispatcher: MeshDispatcher
  readonly #mesh: MeshCallOptions

  constructor(dispatcher: MeshDispatcher, mesh: MeshCallOptions) {
    this.#dispatcher = dispatcher
    this.#mesh = mesh
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    return this.#dispatcher.send(options, handler, this.#mesh)
  }
}

function causeOf(error: unknown): unknown {
  const cause = error instanceof TypeError ? error.cause : undefined
  return isMeshError(cause) ? cause : error
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

/** `mesh.request`: undici's own request over the mesh's dispatcher; a quarter of the cost of a fetch. */
export function createRequest(dispatcher: MeshDispatcher): MeshRequest {
  return (url, options) => undiciRequest(url, { ...options, dispatcher } as RequestOptions)
}
