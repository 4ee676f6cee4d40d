import type { EndpointSet } from '../core/endpoint.ts'

/**
 * Where addresses come from. One implementation per file, listed in `discovery/index.ts`; every implementation
 * passes `test/contract/source.ts`.
 */
export interface Source {
  /** For logs, health and errors. */
  readonly name: string
  /** A watch costs this source something: only services that are called are watched. */
  readonly lazy?: boolean | undefined
  /**
   * Before the first watch: resolves when the source knows something to go on with, its own memory included. Rejects
   * with a MeshError that says what was tried. A mesh whose start failed closes its source and may start it again.
   */
  start?(signal: AbortSignal): Promise<void>
  /**
   * Reports the whole set whenever it changes, the first time possibly before `watch` returns. An empty set means
   * "this source knows the service and it has no endpoint" or "this source does not know it": what else is
   * known (addresses written in the policy) then stays in force.
   * After `onError` the last set stays valid and the source goes on trying by itself.
   * @returns stops the watch; nothing is reported afterwards
   */
  watch(service: string, onSet: (set: EndpointSet) => void, onError: (error: unknown) => void): () => void
  /** The names this source can list without being asked for one; for nearest-name hints and `describe`. */
  known(): readonly string[]
  /** Calls back when `known()` has changed. Returns the removal. */
  onKnown?(listener: () => void): () => void
  /** Somebody calls a name that is not known. Where the source finds out that there is such a service, `onKnown` tells. */
  seek?(name: string): void
  close(): Promise<void>
}
