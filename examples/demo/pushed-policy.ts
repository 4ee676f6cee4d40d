import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PlaneProcess } from './plane-process.ts'
import { DOCUMENTS, type DocumentName, edited, type Policy } from './policy.ts'

/** The policy as the plane has it: every change is pushed there, judged there, and told by it to all eight processes. */
export class PushedPolicy implements Policy {
  readonly #plane: PlaneProcess
  readonly #folder: string
  /** A handshake takes its time where the machine has none to spare, and one that is given up is paid for twice. */
  readonly #texts = new Map<string, string>(
    Object.entries(DOCUMENTS).map(([name, text]) => [name, `${text}    connect: { timeout: 3s }\n`]),
  )

  /** @param folder where the documents lie for a person who wants to change and push them */
  constructor(plane: PlaneProcess, folder: string) {
    this.#plane = plane
    this.#folder = join(folder, 'policy')
    mkdirSync(this.#folder)
  }

  async publish(): Promise<void> {
    await this.#plane.push(this.#texts)
  }

  get howTo(): readonly string[] {
    for (const [name, text] of this.#texts) writeFileSync(join(this.#folder, name), text)
    return [
      'and edit the policy, then push it; a mistake is refused:',
      `  ${join(this.#folder, 'orders.yaml')}`,
      `  npx tulle policy push ${this.#folder} --dir ${this.#plane.dir}`,
      `  npx tulle policy status --dir ${this.#plane.dir}`,
    ]
  }

  /** @throws Error in the plane's words; then nothing has changed */
  async edit(name: DocumentName, from: string, to: string): Promise<() => Promise<void>> {
    const before = this.#texts.get(name) as string
    await this.#put(name, edited(name, before, from, to))
    return () => this.#put(name, before)
  }

  async #put(name: DocumentName, text: string): Promise<void> {
    await this.#plane.push(new Map([[name, text]]))
    this.#texts.set(name, text)
  }
}
