import type { Attributes } from '@opentelemetry/api'
import type { Series } from './series.ts'

/** More sets than this are a mistake somewhere: a label that takes its value from strangers. */
const MAX_SETS = 1000

/** The attribute set all further ones fall into, named as the SDK names its own. */
export const OVERFLOW: Attributes = Object.freeze({ 'otel.metric.overflow': true })

/** What tells the sets of an instrument apart; unused ones are undefined. */
type Key = string | number | undefined
type Level = Map<Key, Level | Series>

/**
 * One duration histogram. Its series are found by four values, one after the other: to join them into one key would
 * cost more than everything else a record does, since a joined string is made, hashed and collected every time.
 */
export class Duration {
  readonly name: string
  readonly description: string
  readonly #make: (attributes: Attributes) => Series
  readonly #root: Level = new Map()
  readonly #series: Series[] = []
  #overflow: Series | undefined

  constructor(name: string, description: string, make: (attributes: Attributes) => Series) {
    this.name = name
    this.description = description
    this.#make = make
  }

  /** Every series there is, in the order they were made. */
  get series(): readonly Series[] {
    return this.#series
  }

  find(a: Key, b: Key, c: Key, d: Key): Series | undefined {
    const second = this.#root.get(a) as Level | undefined
    const third = second?.get(b) as Level | undefined
    const fourth = third?.get(c) as Level | undefined
    return fourth?.get(d) as Series | undefined
  }

  add(a: Key, b: Key, c: Key, d: Key, attributes: Attributes): Series {
    if (this.#series.length >= MAX_SETS) {
      if (this.#overflow === undefined) {
        this.#overflow = this.#make(OVERFLOW)
        this.#series.push(this.#overflow)
      }
      return this.#overflow
    }
    const series = this.#make(attributes)
    this.#series.push(series)
    below(below(below(this.#root, a), b), c).set(d, series)
    return series
  }
}

function below(level: Level, key: Key): Level {
  let next = level.get(key) as Level | undefined
  if (next === undefined) {
    next = new Map()
    level.set(key, next)
  }
  return next
}

/** The last value of a key: what usually tells enough, and where there was an error that too. */
export const verdictKey = (what: Key, error: string | undefined): Key =>
  error === undefined ? what : `${what} ${error}`
