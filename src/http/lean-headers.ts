import { headerName } from './header-name.ts'
import { CheckedHeaders, type FlatHeaders } from './headers.ts'

/** What fetch adds only where the caller has not said it. */
const REPLACEABLE = ['content-type', 'accept', 'accept-language', 'user-agent', 'accept-encoding']
const CONTENT_TYPE = 1 << REPLACEABLE.indexOf('content-type')
const CONTENT_LENGTH = 'content-length'
/** A caller that says one of these wants more of fetch than the lean one does: it changes, adds or removes others. */
const ODD: ReadonlySet<string> = new Set([
  'host',
  CONTENT_LENGTH,
  'transfer-encoding',
  'connection',
  'keep-alive',
  'upgrade',
  'range',
  'if-modified-since',
  'if-none-match',
  'if-unmodified-since',
  'if-match',
  'if-range',
  '__proto__',
])
const MAX_KNOWN = 1024

interface Known {
  readonly lower: string
  /** Which of the replaceable defaults it is, as a bit; 0: none. */
  readonly bit: number
}

interface Default {
  readonly name: string
  readonly value: string
  readonly bit: number
}

/** A request's headers, and how many of the flat entries are the caller's own or of its body. */
export interface LeanRequestHeaders {
  readonly checked: CheckedHeaders
  readonly own: number
}

/**
 * Headers as fetch sends them: the caller's in their order and spelling, the type of the body, then what fetch adds.
 * Only what needs no second thought: strings without white space at their ends, no name twice, nothing odd.
 * A `Headers` is not: fetch sends its names as they were spelt and in the order they were set, and shows neither.
 */
export class LeanHeaders {
  /** Before and after the length of the body. */
  readonly #first: readonly Default[]
  readonly #last: readonly Default[]
  readonly #plain: FlatHeaders
  readonly #known = new Map<string, Known | undefined>()
  readonly #added: ReadonlySet<string>

  /** From what fetch sent for `POST` of a string without headers; undefined where it is not understood. */
  static learn(flat: FlatHeaders): LeanHeaders | undefined {
    const names = flat.filter((_, index) => index % 2 === 0) as string[]
    const length = names.indexOf(CONTENT_LENGTH)
    if (names[0] !== 'content-type' || length < 0 || flat.some((one) => typeof one !== 'string'))
      return undefined
    return new LeanHeaders(flat as string[], length)
  }

  private constructor(flat: readonly string[], length: number) {
    const all = flat.flatMap((name, index) =>
      index % 2 === 0 ? [{ name, value: flat[index + 1] as string, bit: bitOf(name) }] : [],
    )
    this.#first = all.slice(1, length)
    this.#last = all.slice(length + 1)
    this.#plain = [...this.#first, ...this.#last].flatMap(({ name, value }) => [name, value])
    this.#added = new Set(all.map(({ name }) => name))
  }

  /**
   * Undefined: not a case for the lean fetch.
   *
   * @param contentType of the body, where its kind has one
   * @param contentLength undefined: none is said
   */
  of(
    given: unknown,
    contentType: string | undefined,
    contentLength: string | undefined,
  ): LeanRequestHeaders | undefined {
    const checked = new CheckedHeaders()
    const { flat } = checked
    if (given === undefined && contentType === undefined && contentLength === undefined) {
      for (const one of this.#plain) flat.push(one)
      return { checked, own: 0 }
    }
    const said = given === undefined ? 0 : this.#copy(given, checked)
    if (said < 0) return undefined
    if (contentType !== undefined && (said & CONTENT_TYPE) === 0) flat.push('content-type', contentType)
    const own = flat.length
    for (const { name, value, bit } of this.#first) if ((said & bit) === 0) flat.push(name, value)
    if (contentLength !== undefined) flat.push(CONTENT_LENGTH, contentLength)
    for (const { name, value, bit } of this.#last) if ((said & bit) === 0) flat.push(name, value)
    return { checked, own }
  }

  /** Which of the replaceable ones were said, as bits; -1: not a case for the lean fetch. */
  #copy(given: unknown, checked: CheckedHeaders): number {
    if (typeof given !== 'object' || given === null) return -1
    const names: string[] = []
    let said = 0
    if (Array.isArray(given)) {
      for (const pair of given) {
        if (!Array.isArray(pair) || pair.length !== 2) return -1
        const bit = this.#add(pair[0], pair[1], names, checked)
        if (bit < 0) return -1
        said |= bit
      }
      return said
    }
    const prototype: unknown = Object.getPrototypeOf(given)
    if (prototype !== null && prototype !== Object.prototype) return -1
    if (Symbol.iterator in given) return -1
    for (const name of Reflect.ownKeys(given)) {
      const bit = this.#add(name, (given as Record<PropertyKey, unknown>)[name], names, checked)
      if (bit < 0) return -1
      said |= bit
    }
    return said
  }

  #add(name: unknown, value: unknown, names: string[], checked: CheckedHeaders): number {
    if (typeof name !== 'string' || typeof value !== 'string' || hasSpaceAtEnds(value)) return -1
    const known = this.#know(name)
    if (known === undefined || names.includes(known.lower)) return -1
    names.push(known.lower)
    return checked.tryAdd(name, value) ? known.bit : -1
  }

  /** Undefined: odd. */
  #know(name: string): Known | undefined {
    const found = this.#known.get(name)
    if (found !== undefined || this.#known.has(name)) return found
    if (this.#known.size >= MAX_KNOWN) this.#known.clear()
    const lower = name.toLowerCase()
    const bit = bitOf(lower)
    // A name that looks like an index would change its place among others.
    const odd =
      ODD.has(lower) || /^[0-9]/.test(name) || (bit === 0 && this.#added.has(lower)) || !isName(name)
    const known = odd ? undefined : { lower, bit }
    this.#known.set(name, known)
    return known
  }
}

function bitOf(name: string): number {
  const index = REPLACEABLE.indexOf(name)
  return index < 0 ? 0 : 1 << index
}

function isName(name: string): boolean {
  try {
    headerName(name)
    return true
  } catch {
    return false
  }
}

function hasSpaceAtEnds(value: string): boolean {
  return value.length > 0 && (value.charCodeAt(0) <= 0x20 || value.charCodeAt(value.length - 1) <= 0x20)
}
