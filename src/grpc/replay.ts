import type { ReplayAccount } from './replay-account.ts'
import type { Link } from './wire.ts'

/** How much of a call is kept to send it again where policy does not say (grpc-js's per-call bound), in bytes. */
export const KEEP_BYTES: number = 1024 * 1024
/** Empty messages take room too: no more than this many are kept, whatever their size. */
const KEEP_MESSAGES = 10_000
/** The largest frame HTTP/2 has where nobody agreed on another (RFC 9113, 6.5.2), in bytes. */
const ONE_FRAME = 16_384

/** A message with what the application is told once it was taken. */
interface Message {
  readonly bytes: Buffer
  readonly flags: number | undefined
  readonly taken: ((error?: Error | null) => void) | undefined
}

/** Whose messages they are. */
export interface Sender {
  /** To be called once per message, however many attempts it takes. */
  taken(callback: (error?: Error | null) => void): void
}

/**
 * What the application sends on one call, on its way to the attempt that is attached. Messages go one at a time: the
 * next only when the attempt has accepted the last, so a peer that does not read stops the application.
 *
 *     #messages   [ kept: accepted by an attempt before | waiting: the application is not told yet ]
 *     numbered    #first ........................ #accepted ................................. end
 *
 * A message that waits is the application's own memory and counts nothing; what was accepted is kept, within the bounds
 * of the call and of the process, until the call is committed. From the first message let go the call cannot be had
 * again, and no other attempt is attached.
 */
export class Replay {
  /** How much may be kept; the route says so once it is known. */
  keepBytes: number = KEEP_BYTES
  readonly #account: ReplayAccount
  readonly #sender: Sender
  readonly #messages: Message[] = []
  #first = 0
  #accepted = 0
  /** The next one for the link. */
  #next = 0
  #keptBytes = 0
  #link: Link | undefined
  #onAccepted: () => void = NOT_ATTACHED
  /** The link has a message and has not accepted it yet. */
  #writing = false
  #pumping = false
  /** The application sends no more. */
  #complete = false
  /** The link was told so. */
  #halfClosed = false
  #committed = false
  #over = false

  constructor(account: ReplayAccount, sender: Sender) {
    this.#account = account
    this.#sender = sender
  }

  /** True while another attempt could be fed from the first message. */
  get replayable(): boolean {
    return this.#first === 0 && !this.#committed && !this.#over
  }

  /** An attempt has a connection and is being fed. */
  get attached(): boolean {
    return this.#link !== undefined
  }

  /** What is counted, in bytes. */
  get keptBytes(): number {
    return this.#keptBytes
  }

  attach(link: Link): void {
    if (this.#over) return
    this.#link = link
    this.#next = this.#first
    this.#writing = false
    this.#halfClosed = false
    this.#onAccepted = () => this.#accept(link)
    this.#pump()
  }

  detach(link: Link): void {
    if (this.#link !== link) return
    this.#link = undefined
    this.#onAccepted = NOT_ATTACHED
  }

  send(bytes: Buffer, flags: number | undefined, taken: Message['taken']): void {
    if (this.#over || this.#complete) {
      if (taken !== undefined) process.nextTick(tell, this.#sender, taken)
      return
    }
    this.#messages.push({ bytes, flags, taken })
    this.#pump()
  }

  halfClose(): void {
    this.#complete = true
    this.#pump()
  }

  /** The answer has begun: there will be no other attempt. */
  commit(): void {
    if (this.#committed) return
    this.#committed = true
    this.#forget()
  }

  /** The call is over: nothing is held, and nobody waits for a message to be taken. */
  close(): void {
    if (this.#over) return
    this.#over = true
    this.#link = undefined
    this.#onAccepted = NOT_ATTACHED
    const from = this.#accepted - this.#first
    for (let i = from; i < this.#messages.length; i++) {
      const { taken } = this.#messages[i] as Message
      if (taken !== undefined) process.nextTick(tell, this.#sender, taken)
    }
    this.#messages.length = 0
    this.#account.giveBack(this.#keptBytes)
    this.#keptBytes = 0
  }

  /** A loop, not a recursion: a link may accept in the same tick. */
  #pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    while (!this.#writing && this.#link !== undefined) {
      const message = this.#messages[this.#next - this.#first]
      if (message === undefined) break
      this.#next++
      this.#writing = true
      this.#link.write(message.bytes, message.flags, this.#onAccepted)
    }
    this.#pumping = false
    if (!this.#complete || this.#halfClosed || this.#link === undefined || !this.#allGiven) return
    this.#halfClosed = true
    this.#link.halfClose()
  }

  /**
   * Nothing is left for the link but the half-close. After a small message it goes at once, in the frame of that message;
   * after a large one when that was accepted, since with it the request has left.
   */
  get #allGiven(): boolean {
    if (this.#next !== this.#first + this.#messages.length) return false
    return !this.#writing || (this.#messages.at(-1) as Message).bytes.length <= ONE_FRAME
  }

  #accept(link: Link): void {
    if (this.#link !== link || !this.#writing) return
    this.#writing = false
    if (this.#next > this.#accepted) {
      const { bytes, taken } = this.#messages[this.#next - 1 - this.#first] as Message
      this.#accepted = this.#next
      if (!this.#keep(bytes.length)) this.#letGo()
      if (taken !== undefined) this.#sender.taken(taken)
    } else if (this.#committed) this.#forget()
    this.#pump()
  }

  /** Whether the message accepted last is kept. */
  #keep(bytes: number): boolean {
    if (this.#committed || this.#first > 0 || this.#accepted > KEEP_MESSAGES) return false
    if (this.#keptBytes + bytes > this.keepBytes || !this.#account.take(bytes)) return false
    this.#keptBytes += bytes
    return true
  }

  /** Lets go what is kept, unless an attempt is still being fed from it. */
  #forget(): void {
    if (this.#accepted > this.#first && this.#next >= this.#accepted && !this.#refeeding) this.#letGo()
  }

  /** The attached attempt has not yet accepted the last of what is kept. */
  get #refeeding(): boolean {
    return this.#writing && this.#next === this.#accepted
  }

  #letGo(): void {
    this.#messages.splice(0, this.#accepted - this.#first)
    this.#first = this.#accepted
    this.#account.giveBack(this.#keptBytes)
    this.#keptBytes = 0
  }
}

const tell = (sender: Sender, taken: NonNullable<Message['taken']>): void => sender.taken(taken)
const NOT_ATTACHED = (): void => {}
