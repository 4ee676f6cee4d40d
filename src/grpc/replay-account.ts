/** What is kept to be sent again, over all calls of a process (grpc-js's `grpc.retry_buffer_size`), in bytes. */
const PROCESS_BYTES = 16 * 1024 * 1024

/** The bytes that calls keep to send them again, against one bound for all. */
export class ReplayAccount {
  readonly limitBytes: number
  #usedBytes = 0

  constructor(limitBytes: number = PROCESS_BYTES) {
    this.limitBytes = limitBytes
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  /** False: there is no room, and nothing was taken. */
  take(bytes: number): boolean {
    if (this.#usedBytes + bytes > this.limitBytes) return false
    this.#usedBytes += bytes
    return true
  }

  giveBack(bytes: number): void {
    this.#usedBytes -= bytes
  }
}

/** The one of this process. */
export const processAccount: ReplayAccount = new ReplayAccount()
