import { isMeshError } from '../../src/core/errors.ts'

export function thrownBy(act: () => unknown): unknown {
  try {
    act()
    return 'nothing'
  } catch (error) {
    return described(error)
  }
}

/** An error as a program sees it, but that where the mesh has a MeshError fetch has its own "fetch failed". */
export function described(error: unknown, signal?: AbortSignal): unknown {
  if (signal?.aborted === true && error === signal.reason) return 'the reason of the signal'
  if (isMeshError(error))
    return { name: 'TypeError', message: 'fetch failed', kind: error instanceof TypeError }
  if (!(error instanceof Error)) return { value: String(error) }
  const { name, message, cause } = error
  if (message === 'fetch failed') return { name, message, kind: error instanceof TypeError }
  return {
    name,
    message,
    kind: Object.prototype.toString.call(error),
    class: error.constructor.name,
    cause: cause !== undefined,
  }
}
