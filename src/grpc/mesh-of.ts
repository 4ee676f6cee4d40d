import type { Metadata } from '@grpc/grpc-js'
import type { AmbientStore } from '../core/ambient.ts'
import type { MeshRequest } from '../core/mesh-request.ts'
import { RequestScope } from '../core/scope.ts'

/** The life of a call, with what its handler may ask for. */
export class CallScope extends RequestScope {
  mesh: MeshRequest | undefined
  readonly #transport: { getPeer(): string }

  constructor(transport: { getPeer(): string }) {
    super()
    this.#transport = transport
  }

  /** Whether a call that is known by this alone came on the same connection, so that nobody is taken for somebody else. */
  shares(call: object): boolean {
    const { getPeer, peer = getPeer?.call(call) } = call as { getPeer?(): string; readonly peer?: unknown }
    return typeof peer !== 'string' || peer === this.#transport.getPeer()
  }
}

/**
 * On the metadata that a handler is given: the one object that is its call's alone and that nobody has to be told of.
 * Not a WeakMap: one with an entry for every call keeps them alive through young collections. Clones do not have it.
 */
const MESH = Symbol('tulle.mesh')
/** Nobody who compares, spreads or prints metadata sees it. One object for all: it is read in the same tick. */
const HIDDEN: { configurable: true; value: MeshRequest | undefined } = {
  configurable: true,
  value: undefined,
}
/** Of the mesh that serves; all meshes of a process share it. */
let store: AmbientStore | undefined

export function rememberCall(metadata: Metadata, mesh: MeshRequest): void {
  HIDDEN.value = mesh
  Object.defineProperty(metadata, MESH, HIDDEN)
  HIDDEN.value = undefined
}

export function rememberStore(ambient: AmbientStore): void {
  store = ambient
}

/**
 * What the mesh knows of a call that is being handled: who calls, how long it waits, how often it was tried before.
 *
 * @param call as the handler got it. Where an interceptor has replaced its metadata, only the call whose handler is running is
 *   known: of another one, on another connection, nothing is said
 * @returns undefined for a call that did not come through `serve`
 */
export function meshOf(call: { readonly metadata: Metadata }): MeshRequest | undefined {
  const known = (call.metadata as { readonly [MESH]?: MeshRequest } | undefined)?.[MESH]
  if (known !== undefined) return known
  const scope = store?.get()?.scope
  return scope instanceof CallScope && scope.shares(call) ? scope.mesh : undefined
}
