import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DOCUMENTS, type DocumentName, edited, type Policy } from './policy.ts'

/** The policy as a directory that all eight processes watch. */
export class PolicyFolder implements Policy {
  readonly path: string
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
    this.path = join(folder, 'policy')
    mkdirSync(this.path)
    for (const [name, text] of Object.entries(DOCUMENTS)) writeFileSync(this.#file(name), text)
  }

  get howTo(): readonly string[] {
    return [
      'and edit the policy, live; a mistake is refused:',
      ...Object.keys(DOCUMENTS).map((name) => `  ${this.#file(name)}`),
    ]
  }

  /** Written beside the directory and moved into place, so that nobody reads half a document. */
  async edit(name: DocumentName, from: string, to: string): Promise<() => Promise<void>> {
    const before = readFileSync(this.#file(name), 'utf8')
    this.#put(name, edited(this.#file(name), before, from, to))
    return async () => this.#put(name, before)
  }

  #put(name: DocumentName, text: string): void {
    const draft = join(this.#folder, `${name}.draft`)
    writeFileSync(draft, text)
    renameSync(draft, this.#file(name))
  }

  #file(name: string): string {
    return join(this.path, name)
  }
}
