import type { ChannelOptions } from '@grpc/grpc-js'
import type { Lane } from './lane.ts'
import { transportOptions } from './transport-options.ts'

/**
 * The lanes of a leaf by what their channels are made with: channels of the application with equal options share one, as
 * they do in grpc-js. Nearly always there is one.
 */
export class Lanes {
  readonly #make: (options: ChannelOptions, name: string) => Lane
  readonly #byName = new Map<string, Lane>()
  readonly #byGiven = new WeakMap<Readonly<ChannelOptions>, Lane>()

  constructor(make: (options: ChannelOptions, name: string) => Lane) {
    this.#make = make
  }

  /** @param given the application's; one object for all calls of a channel of its */
  of(given: Readonly<ChannelOptions>): Lane {
    return this.#byGiven.get(given) ?? this.#find(given)
  }

  #find(given: Readonly<ChannelOptions>): Lane {
    const options = transportOptions(given)
    const name = nameOf(options)
    let lane = this.#byName.get(name)
    if (lane === undefined) {
      lane = this.#make(options, name)
      this.#byName.set(name, lane)
    }
    this.#byGiven.set(given, lane)
    return lane
  }

  all(): Iterable<Lane> {
    return this.#byName.values()
  }
}

/** Under which the lanes of all endpoints for channels with these options are found. */
export function laneName(given: Readonly<ChannelOptions>): string {
  return nameOf(transportOptions(given))
}

const nameOf = (options: ChannelOptions): string =>
  JSON.stringify(Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1)))
