/** The headers of an answer: a real `Headers`, with its values combined by it, that refuses changes as fetch's do. */
export function responseHeaders(rawHeaders: readonly Buffer[]): Headers {
  Immutable ??= define()
  return new Immutable(rawHeaders)
}

let Immutable: (new (rawHeaders: readonly Buffer[]) => Headers) | undefined

/** When it is first needed: Node.js loads its `Headers` when somebody asks for it, and that takes tens of milliseconds. */
function define(): new (rawHeaders: readonly Buffer[]) => Headers {
  class ImmutableHeaders extends (Headers as unknown as Mutable) {
    constructor(rawHeaders: readonly Buffer[]) {
      super()
      for (let i = 0; i + 1 < rawHeaders.length; i += 2)
        super.append(
          (rawHeaders[i] as Buffer).toString('latin1').toLowerCase(),
          (rawHeaders[i + 1] as Buffer).toString('latin1'),
        )
    }

    override append(...given: [string, string]): void {
      new Headers().append(...given)
      throw immutable()
    }

    override set(...given: [string, string]): void {
      new Headers().set(...given)
      throw immutable()
    }

    override delete(...given: [string]): void {
      new Headers().delete(...given)
      throw immutable()
    }
  }
  const { prototype } = ImmutableHeaders
  for (const name of ['append', 'set', 'delete']) Object.defineProperty(prototype, name, { enumerable: true })
  Object.defineProperty(prototype, 'constructor', { value: Headers })
  return ImmutableHeaders as unknown as new (
    rawHeaders: readonly Buffer[],
  ) => Headers
}

type Mutable = new () => {
  append(name: string, value: string): void
  set(name: string, value: string): void
  delete(name: string): void
}

/** What fetch says; what it would say of malformed arguments, it has said before. */
const immutable = (): TypeError => new TypeError('immutable')
