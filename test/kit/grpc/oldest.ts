import * as module from 'node:module'
import { isMainThread } from 'node:worker_threads'

/**
 * Loaded by `--import`: in this process `@grpc/grpc-js` is the oldest release that is supported, for ES modules and for
 * packages that require it.
 */
type Next = (specifier: string, context: unknown) => unknown

export function resolve(specifier: string, context: unknown, next: Next): unknown {
  return next(specifier === '@grpc/grpc-js' ? 'grpc-js-oldest' : specifier, context)
}

interface Hooking {
  registerHooks?(hooks: { resolve: typeof resolve }): void
  register(specifier: string): void
  readonly Module: { _resolveFilename(request: string, ...rest: unknown[]): string }
}

if (isMainThread) {
  const node = module as unknown as Hooking
  // Node 20 has hooks of another thread alone, which `require` does not ask.
  if (node.registerHooks !== undefined) node.registerHooks({ resolve })
  else {
    node.register(import.meta.url)
    const original = node.Module._resolveFilename
    node.Module._resolveFilename = function (request, ...rest) {
      return original.call(this, request === '@grpc/grpc-js' ? 'grpc-js-oldest' : request, ...rest)
    }
  }
}
