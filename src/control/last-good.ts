import { createHash } from 'node:crypto'
import { admit } from '../policy/admit.ts'
import type { PolicyDocument, SourceDocument } from '../policy/document.ts'
import type { Parsed } from '../policy/parse.ts'
import type { Problem } from '../policy/problem.ts'
import { contentVersion, readDocument } from './document.ts'
import type { PolicyUpdate } from './feed.ts'

/** What was found where a document should be: its bytes, or why there are none. */
export type Found = Uint8Array | { readonly unreadable: string }

interface Judged {
  readonly digest: string
  readonly parsed: Parsed
}

/**
 * The documents in force, and the rule by which they change: a document with any mistake is refused whole and keeps
 * its last good form; the others go on. A document that is no longer there is gone.
 */
export class LastGood {
  readonly #parse: (source: SourceDocument) => Parsed
  #inForce: ReadonlyMap<string, PolicyDocument> = new Map()
  /** Of everything that was there last: reading YAML is what a change costs, and mostly one document has changed. */
  #judged: ReadonlyMap<string, Judged> = new Map()

  /** @param parse made by `createParser` */
  constructor(parse: (source: SourceDocument) => Parsed) {
    this.#parse = parse
  }

  /** Takes everything that is there now, by document name, and says what is in force from here. */
  take(everything: ReadonlyMap<string, Found>): PolicyUpdate {
    const candidates = new Map<string, PolicyDocument>()
    const problems: Problem[] = []
    const judged = new Map<string, Judged>()
    for (const [name, found] of everything) {
      const result = this.#judge(name, found, judged)
      const document = result.document ?? this.#inForce.get(name)
      if (document !== undefined) candidates.set(name, document)
      problems.push(...(result.problems ?? []))
    }
    this.#judged = judged
    const admitted = admit(this.#inForce, candidates)
    this.#inForce = admitted.documents
    return this.#update([...problems, ...admitted.problems])
  }

  /** Keeps everything that is in force, and says why nothing new came. */
  keep(name: string, message: string): PolicyUpdate {
    return this.#update([{ path: '', message, file: name }])
  }

  #judge(name: string, found: Found, judged: Map<string, Judged>): Parsed {
    if ('unreadable' in found) return { problems: [{ path: '', message: found.unreadable, file: name }] }
    const digest = createHash('sha256').update(found).digest('base64')
    const known = this.#judged.get(name)
    const parsed = known?.digest === digest ? known.parsed : this.#read(name, found)
    judged.set(name, { digest, parsed })
    return parsed
  }

  #read(name: string, content: Uint8Array): Parsed {
    const { source, problems } = readDocument(name, content)
    return source === undefined ? { problems } : this.#parse(source)
  }

  #update(problems: readonly Problem[]): PolicyUpdate {
    const documents = [...this.#inForce.values()]
    const version =
      documents.length === 1
        ? (documents[0] as PolicyDocument).version
        : contentVersion(documents.map(({ name, version: own }) => `${name} ${own}\n`).join(''))
    return { version, documents, problems }
  }
}
