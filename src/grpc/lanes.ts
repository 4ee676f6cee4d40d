import type { ChannelOptions } from '@grpc/grpc-js'
import type { Lane } from './lane.ts'
import { transportOptions } from './transport-options.ts'

/**
 * The lanes of a leaf by what their channels are made with: channels of the application with equal options share one, as
 * they do in grpc-js. Nearly always there is one.
 */
export class Lanes {
  readonly #make: (options: ChannelOptions) => Lane
  readonly #byText = new Map<string, Lane>()
  #given: Readonly<ChannelOptions> | undefined
  #last: Lane | undefined

  constructor(make: (options: ChannelOptions) => Lane) {
    this.#make = make
  }

  /** @param given the application's; one object for all calls of a channel of its */
  of(given: Readonly<ChannelOptions>): Lane {
    if (given === this.#given && this.#last !== undefined) return this.#last
    const options = transportOptions(given)
    const text = JSON.stringify(Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1)))
    let lane = this.#byText.get(text)
    if (lane === undefined) {
      lane = this.#make(options)
      this.#byText.set(text, lane)
    }
    this.#given = given
    this.#last = lane
    return lane
  }

  all(): Iterable<Lane> {
    return this.#byText.values()
  }
}
