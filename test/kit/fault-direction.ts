import type { Socket } from 'node:net'

/**
 * Strikes at one byte of one direction. A turn begins when the client speaks again after the upstream has spoken: on a
 * keep-alive connection, turn n is the nth request and its answer, without any parsing.
 */
export interface Fault {
  readonly direction: 'request' | 'response'
  /**
   * Default 0, the first exchange on the connection. `whole`: bytes are counted from the connection's first, whoever spoke
   * in between, for protocols that do not take turns.
   */
  readonly turn?: number | 'whole'
  /** So many bytes of this turn pass, then it strikes; the byte must arrive for anything to happen. 0: none passes. */
  readonly byte: number
  /** `silence`: the connection stays and nothing passes any more. `drip`: one byte every `ms`. `delay`: once. */
  readonly action: 'fin' | 'reset' | 'silence' | 'delay' | 'drip'
  readonly ms?: number
  /** Strikes as soon as `byte` bytes have passed, without waiting for one more. */
  readonly eager?: boolean
}

/** The bytes of one direction, in order, with the faults that wait for them. */
export class Direction {
  readonly #from: Socket
  readonly #to: Socket
  readonly #strike: (how: 'fin' | 'reset') => void
  #waiting: Fault[]
  #turn = 0
  #passed = 0
  #passedInAll = 0
  #silent = false
  #dripMs = 0
  #held: Buffer[] = []
  #timer: NodeJS.Timeout | undefined
  #finished = false

  constructor(
    name: 'request' | 'response',
    from: Socket,
    to: Socket,
    faults: readonly Fault[],
    strike: (how: 'fin' | 'reset') => void,
  ) {
    this.#from = from
    this.#to = to
    this.#strike = strike
    this.#waiting = faults.filter((fault) => fault.direction === name)
    const disarm = (): void => clearTimeout(this.#timer)
    from.on('close', disarm)
    to.on('close', disarm)
    to.on('drain', () => from.resume())
  }

  nextTurn(): void {
    this.#turn++
    this.#passed = 0
  }

  push(chunk: Buffer): void {
    if (this.#silent || chunk.length === 0) return
    if (this.#timer !== undefined || this.#held.length > 0) {
      this.#held.push(chunk)
      return
    }
    this.#pass(chunk)
  }

  finish(): void {
    if (this.#silent || this.#finished) return
    this.#finished = true
    if (this.#timer === undefined && this.#held.length === 0) this.#to.end()
  }

  silence(): void {
    this.#silent = true
    clearTimeout(this.#timer)
  }

  #pass(chunk: Buffer): void {
    const fault = this.#due(chunk.length)
    if (fault === undefined) {
      this.#write(chunk)
      return
    }
    const split = Math.max(0, fault.byte - this.#passedFor(fault))
    if (split > 0) this.#write(chunk.subarray(0, split))
    this.#waiting = this.#waiting.filter((other) => other !== fault)
    this.#apply(fault, chunk.subarray(split))
  }

  #due(length: number): Fault | undefined {
    return this.#waiting.find((fault) => {
      if (fault.turn !== 'whole' && (fault.turn ?? 0) !== this.#turn) return false
      const reach = this.#passedFor(fault) + length
      return fault.eager === true ? fault.byte <= reach : fault.byte < reach
    })
  }

  #passedFor({ turn }: Fault): number {
    return turn === 'whole' ? this.#passedInAll : this.#passed
  }

  #apply(fault: Fault, rest: Buffer): void {
    const ms = fault.ms ?? 10
    if (fault.action === 'silence') this.silence()
    else if (fault.action === 'delay') this.#hold(rest, ms)
    else if (fault.action === 'drip') {
      this.#dripMs = ms
      this.#hold(rest, ms)
    } else this.#afterFlush(fault.action)
  }

  /** A reset overtakes what is still in our own buffer: let the bytes before it leave first. */
  #afterFlush(how: 'fin' | 'reset'): void {
    this.#silent = true
    if (this.#to.writableLength === 0) this.#strike(how)
    else this.#to.write('', () => this.#strike(how))
  }

  #hold(rest: Buffer, ms: number): void {
    if (rest.length > 0) this.#held.unshift(rest)
    this.#timer = setTimeout(() => this.#release(), ms)
  }

  #release(): void {
    this.#timer = undefined
    if (this.#silent) return
    const all = Buffer.concat(this.#held)
    this.#held = []
    if (this.#dripMs > 0 && all.length > 0) {
      this.#write(all.subarray(0, 1))
      if (all.length > 1) this.#held.push(all.subarray(1))
      this.#timer = setTimeout(() => this.#release(), this.#dripMs)
      return
    }
    if (all.length > 0) this.#pass(all)
    if (this.#finished && this.#timer === undefined) this.#to.end()
  }

  #write(chunk: Buffer): void {
    this.#passed += chunk.length
    this.#passedInAll += chunk.length
    if (!this.#to.write(chunk)) this.#from.pause()
  }
}
