import { admit } from '../policy/admit.ts'
import { compile } from '../policy/compile.ts'
import type { PolicyDocument, SourceDocument } from '../policy/document.ts'
import type { Parsed } from '../policy/parse.ts'
import type { Problem } from '../policy/problem.ts'
import type { AnyPiece } from '../policy/schema.ts'

/** A YAML text as a value, or what is wrong with it; `control/document.ts` has the one the clients use. */
export type ReadYaml = (
  name: string,
  content: Uint8Array,
) => { readonly source?: SourceDocument | undefined; readonly problems?: readonly Problem[] | undefined }

export interface PolicyCheckOptions {
  readonly read: ReadYaml
  /** Made by `createParser`, with the very pieces the clients have. */
  readonly parse: (source: SourceDocument) => Parsed
  readonly pieces: readonly AnyPiece[]
}

/** Documents by name. */
export type Texts = ReadonlyMap<string, string>

/** Judges policy as every client will: each document by itself, all of them together, and as compiled plans. */
export class PolicyCheck {
  readonly #options: PolicyCheckOptions
  readonly #encoder = new TextEncoder()
  /** What is in force, parsed, with the text it was parsed from. */
  #inForce = new Map<string, { readonly text: string; readonly document: PolicyDocument }>()

  constructor(options: PolicyCheckOptions) {
    this.#options = options
  }

  /** Every problem of documents that are to be in force together; empty: there is none, and they are from now on. */
  take(texts: Texts): readonly Problem[] {
    const next = new Map<string, { readonly text: string; readonly document: PolicyDocument }>()
    const problems: Problem[] = []
    for (const [name, text] of texts) {
      const known = this.#inForce.get(name)
      if (known?.text === text) {
        next.set(name, known)
        continue
      }
      const parsed = this.#parse(name, text)
      if (parsed.document === undefined) problems.push(...parsed.problems)
      else next.set(name, { text, document: parsed.document })
    }
    const documents = new Map([...next].map(([name, { document }]) => [name, document]))
    const before = new Map([...this.#inForce].map(([name, { document }]) => [name, document]))
    problems.push(...admit(before, documents).problems)
    if (problems.length === 0) problems.push(...this.#compiled(documents.values()))
    if (problems.length === 0) this.#inForce = next
    return problems
  }

  #parse(name: string, text: string): Parsed {
    const { read, parse } = this.#options
    const { source, problems = [] } = read(name, this.#encoder.encode(text))
    return source === undefined ? { problems } : parse(source)
  }

  #compiled(documents: Iterable<PolicyDocument>): readonly Problem[] {
    try {
      return compile(documents, this.#options.pieces, { version: 'checked' }).problems
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      return [{ path: '', message: `cannot be put in force: ${message}`, file: '' }]
    }
  }
}
