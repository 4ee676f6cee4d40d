import type { SourceDocument } from '../policy/document.ts'
import type { Parsed } from '../policy/parse.ts'
import { policyError } from '../policy/problem.ts'
import { contentVersion } from './document.ts'
import type { PolicyFeed, PolicyUpdate } from './feed.ts'

const NAME = 'option policy'

/** A policy that was given as a value: `createMesh({ policy: { version: 1, … } })`. It never changes. */
export class InlinePolicy implements PolicyFeed {
  readonly name = 'policy'
  readonly #value: object
  readonly #parse: (source: SourceDocument) => Parsed
  #current: PolicyUpdate | undefined

  /** @param parse made by `createParser` */
  constructor(value: object, parse: (source: SourceDocument) => Parsed) {
    this.#value = value
    this.#parse = parse
  }

  get current(): PolicyUpdate | undefined {
    return this.#current
  }

  onUpdate(): () => void {
    return () => {}
  }

  async start(): Promise<void> {
    const text = plainText(this.#value)
    const version = contentVersion(text)
    const { document, problems } = this.#parse({ name: NAME, version, value: JSON.parse(text) })
    if (document === undefined) throw policyError(problems)
    this.#current = { version, documents: [document], problems: [] }
  }

  async close(): Promise<void> {}
}

/**
 * The value as JSON, so that what is judged afterwards is a plain tree whatever was given: a cycle, a throwing getter
 * or a function is a mistake like any other. Throws TULLE_POLICY.
 */
function plainText(value: object): string {
  try {
    const text: unknown = JSON.stringify(value, onlyData)
    if (typeof text === 'string') return text
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n', 1)[0] : String(error)
    throw policyError([{ path: '', message: `expected plain data: ${why}`, file: NAME }])
  }
  throw policyError([{ path: '', message: 'expected plain data', file: NAME }])
}

function onlyData(key: string, value: unknown): unknown {
  if (typeof value === 'function' || typeof value === 'symbol')
    throw new TypeError(`${key} is a ${typeof value}`)
  return value
}
