import { MeshError } from '../core/errors.ts'
import { type HasRuntime, RUNTIME, type Runtime } from '../core/runtime.ts'
import { SERVICE_NAME, SERVICE_NAME_ACCEPTS } from '../policy/schema.ts'

/** @throws {MeshError} TULLE_CONFIG where `mesh` is none */
export function runtimeOf(mesh: HasRuntime, where: string): Runtime {
  const runtime = (mesh as HasRuntime | undefined | null)?.[RUNTIME]
  if (runtime !== undefined) return runtime
  throw new MeshError('TULLE_CONFIG', `${where}: mesh is not a mesh made by createMesh`, {
    layer: 'grpc',
    hint: 'The first argument is what createMesh returned.',
  })
}

/**
 * The service a channel speaks to: `orders`, or as in a URL `orders.mesh`.
 * @throws {MeshError} TULLE_BAD_NAME where it can be no service's name
 */
export function serviceOf(name: string, suffixes: readonly string[], where: string): string {
  const plain = typeof name === 'string' ? withoutSuffix(name.toLowerCase(), suffixes) : ''
  if (SERVICE_NAME.test(plain)) return plain
  const found = typeof name === 'string' ? JSON.stringify(name.slice(0, 100)) : typeof name
  throw new MeshError('TULLE_BAD_NAME', `${where}: service: ${SERVICE_NAME_ACCEPTS}; found ${found}`, {
    layer: 'grpc',
    hint: `Write the name alone, as 'orders'; addresses and ports come from discovery.`,
  })
}

function withoutSuffix(name: string, suffixes: readonly string[]): string {
  let shortest = name
  for (const suffix of suffixes)
    if (name.endsWith(`.${suffix}`)) {
      const rest = name.slice(0, -suffix.length - 1)
      if (rest.length < shortest.length) shortest = rest
    }
  return shortest
}
