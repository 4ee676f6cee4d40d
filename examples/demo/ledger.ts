import { openSync, readFileSync, writeSync } from 'node:fs'

/**
 * What orders really executed, one line each, appended synchronously before the answer: unlike anything in memory it
 * survives a SIGKILL, and short appends of several processes do not mix.
 */
export class Ledger {
  readonly #file: number

  constructor(path: string) {
    this.#file = openSync(path, 'a')
  }

  executed(id: string): void {
    writeSync(this.#file, `${id}\n`)
  }
}

/** How often each id was executed. */
export function executions(path: string): Map<string, number> {
  const counts = new Map<string, number>()
  for (const id of readFileSync(path, 'utf8').split('\n')) {
    if (id !== '') counts.set(id, (counts.get(id) ?? 0) + 1)
  }
  return counts
}
