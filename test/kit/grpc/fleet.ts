import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { folder } from '../member.ts'
import { type Cleanup, siblingOf, startProcess, type TestProcess } from '../process.ts'
import type { MemberProcessOptions } from './member-process.ts'
import type { PricingBehaviour } from './pricing-service.ts'

export interface PricingMember {
  readonly process: TestProcess
  readonly name: string
  readonly port: number
  readonly address: string
  /** Bytes, now and at most so far. */
  memory(): Promise<{ readonly rss: number; readonly maxRss: number }>
}

export interface MemberSays {
  readonly name?: string
  /** Default any. */
  readonly port?: number
  readonly behaviour?: PricingBehaviour
  readonly env?: Readonly<Record<string, string>>
}

/** Servers in processes of their own, and one ledger of all that was executed, which survives every one of them. */
export class Fleet {
  readonly #t: Cleanup
  readonly #dir: string
  readonly #ledger: string

  constructor(t: Cleanup) {
    this.#t = t
    this.#dir = folder(t)
    this.#ledger = join(this.#dir, 'ledger')
    writeFileSync(this.#ledger, '')
  }

  async start({
    name = 'pricing',
    port = 0,
    behaviour = {},
    env = {},
  }: MemberSays = {}): Promise<PricingMember> {
    const says: MemberProcessOptions = { name, port, behaviour, ledger: this.#ledger }
    const process = await startProcess(this.#t, siblingOf(import.meta.url, './member-process'), {
      args: [JSON.stringify(says)],
      readyWithinMs: 20_000,
      env: { TULLE_SERVICE: 'pricing', TULLE_LOG: 'error', TULLE_STATE_DIR: join(this.#dir, name), ...env },
    })
    const ready = JSON.parse(process.ready[1] as string) as { port: number; control: number }
    return {
      process,
      name,
      port: ready.port,
      address: `127.0.0.1:${ready.port}`,
      memory: async () => (await fetch(`http://127.0.0.1:${ready.control}/memory`)).json() as never,
    }
  }

  /** How often each id was executed, and by whom. */
  executed(): ReadonlyMap<string, readonly string[]> {
    const by = new Map<string, string[]>()
    for (const line of readFileSync(this.#ledger, 'utf8').split('\n')) {
      const [id = '', name = ''] = line.split(' ')
      if (id !== '') by.set(id, [...(by.get(id) ?? []), name])
    }
    return by
  }

  /** As the invariants ask it of an upstream. */
  upstream(): { readonly name: string; executions(id: string): number } {
    const executed = this.executed()
    return { name: 'fleet', executions: (id) => executed.get(id)?.length ?? 0 }
  }
}
