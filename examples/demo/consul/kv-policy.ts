import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DOCUMENTS, type DocumentName, edited, type Policy } from '../policy.ts'
import type { Consul } from './consul.ts'

/** Where the documents lie in the KV store, one key each. */
const PREFIX = 'demo/policy/'

/** The policy in Consul's KV store: all eight processes read it from there, and watch it. */
export class KvPolicy implements Policy {
  readonly #consul: Consul
  readonly #folder: string
  /** A handshake takes its time where the machine has none to spare, and one that is given up is paid for twice. */
  readonly #texts = new Map<string, string>(
    Object.entries(DOCUMENTS).map(([name, text]) => [name, `${text}    connect: { timeout: 3s }\n`]),
  )

  /** @param folder where the documents lie for a person who wants to change and write them */
  constructor(consul: Consul, folder: string) {
    this.#consul = consul
    this.#folder = join(folder, 'policy')
    mkdirSync(this.#folder)
  }

  /** What `TULLE_POLICY` says. */
  readonly place = `consul://${PREFIX}`

  async publish(): Promise<void> {
    for (const [name, text] of this.#texts) await this.#consul.put(PREFIX + name, text)
  }

  get howTo(): readonly string[] {
    for (const [name, text] of this.#texts) writeFileSync(join(this.#folder, name), text)
    const { address } = this.#consul.agent
    return [
      'and edit the policy, then write it; a mistake is refused by everybody:',
      `  ${join(this.#folder, 'orders.yaml')}`,
      `  curl -X PUT --data-binary @${join(this.#folder, 'orders.yaml')} ${address}/v1/kv/${PREFIX}orders.yaml`,
      'or forbid a call, and allow it again:',
      `  curl ${address}/v1/connect/intentions -d '{"SourceName":"web","DestinationName":"orders","Action":"deny"}'`,
    ]
  }

  async edit(name: DocumentName, from: string, to: string): Promise<() => Promise<void>> {
    const before = this.#texts.get(name) as string
    await this.#put(name, edited(name, before, from, to))
    return () => this.#put(name, before)
  }

  async #put(name: DocumentName, text: string): Promise<void> {
    await this.#consul.put(PREFIX + name, text)
    this.#texts.set(name, text)
  }
}
