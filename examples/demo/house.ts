import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

interface Guest {
  killNow(): void
}

/** The temporary folder of the demo and the processes in it. Whatever ends this process, nothing of them stays behind. */
export class House {
  readonly folder = mkdtempSync(join(tmpdir(), 'tulle-demo-'))
  readonly #guests: Guest[] = []

  constructor() {
    process.once('exit', () => {
      for (const guest of this.#guests) guest.killNow()
      // A process that is being killed may still write a file.
      rmSync(this.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 })
    })
  }

  takeIn(guest: Guest): void {
    this.#guests.push(guest)
  }
}
