import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The policy the demo starts with. Quotes take 400 ms: the timeout of their route is wrong on purpose. */
const DOCUMENTS = {
  'orders.yaml': `version: 1
services:
  orders:
    timeout: 10s
    retry: { limit: 2, budget: { ratio: 20%, minPerSecond: 10 } }
    outlier: { consecutiveFailures: 3, baseEjection: 1s, maxEjection: 5s }
    routes:
      - match: { path: /quotes/** }
        timeout: 150ms
        retry: false
`,
  'stock.yaml': `version: 1
services:
  stock:
    timeout: 1s
    outlier: { consecutiveFailures: 5, baseEjection: 1s, maxEjection: 2s }
    breaker: { errorThreshold: 50%, minRequests: 10, openFor: 1s }
`,
} as const

export type DocumentName = keyof typeof DOCUMENTS

/** The policy directory that all six services watch. */
export class PolicyFolder {
  readonly path: string
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
    this.path = join(folder, 'policy')
    mkdirSync(this.path)
    for (const [name, text] of Object.entries(DOCUMENTS)) writeFileSync(this.file(name as DocumentName), text)
  }

  file(name: DocumentName): string {
    return join(this.path, name)
  }

  /**
   * Replaces one text in a document, which must be there. Returns the way back.
   * Written beside the directory and moved into place, so that nobody reads half a document.
   */
  edit(name: DocumentName, from: string, to: string): () => void {
    const before = readFileSync(this.file(name), 'utf8')
    if (!before.includes(from)) throw new Error(`${this.file(name)} does not say "${from}"`)
    this.#put(name, before.replace(from, to))
    return () => this.#put(name, before)
  }

  #put(name: DocumentName, text: string): void {
    const draft = join(this.#folder, `${name}.draft`)
    writeFileSync(draft, text)
    renameSync(draft, this.file(name))
  }
}
