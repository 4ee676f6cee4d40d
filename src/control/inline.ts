import type { SourceDocument } from '../policy/document.ts'
import type { Parsed } from '../policy/parse.ts'
import { policyError } from '../policy/problem.ts'
import { contentVersion } from './document.ts'
import type { PolicyFeed, PolicyUpdate } from './feed.ts'

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
    const version = contentVersion(JSON.stringify(this.#value))
    const { document, problems } = this.#parse({ name: 'option policy', version, value: this.#value })
    if (document === undefined) throw policyError(problems)
    this.#current = { version, documents: [document], problems: [] }
  }

  async close(): Promise<void> {}
}
