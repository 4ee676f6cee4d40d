const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const OPEN = 0x5b
const CLOSE = 0x5d
const BRACE_OPEN = 0x7b
const BRACE_CLOSE = 0x7d

const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

/** Consul's own answers are nested ten times at the most, and a config entry some twenty. */
const MAX_DEPTH = 100
/** Of a list; a service may have 50,000 instances. */
const MAX_ITEMS = 200_000
/** Of one item, or of what is no list: `JSON.parse` takes all of it at once, and what it makes of `{}` costs twenty times its bytes. */
const MAX_PIECE_BYTES = 16 * 1024 * 1024

/**
 * Finds the commas of a JSON list, and leaves what is between them to `JSON.parse`, as many items at once as a chunk
 * ends: what that refuses is refused here, and what it makes of a whole list this makes of its pieces. It is no parser:
 * tokenizers for streams, tried on the same lists, cost ten times as much.
 */
export class ListParser {
  /** Undefined until the first byte that is no space. */
  isList: boolean | undefined
  readonly #items: unknown[] = []
  #rest: Uint8Array[] = []
  #restBytes = 0
  #depth = 0
  #inText = false
  #escaped = false
  #ended = false
  #begun = false
  readonly #each: ((item: unknown) => unknown) | undefined

  /**
   * @param each what is kept of an item, called as soon as it is parsed. Of a long list nearly everything is garbage
   * then before the collector has to move it, which costs it pauses longer than the parsing. What it throws is thrown.
   */
  constructor(each?: (item: unknown) => unknown) {
    this.#each = each
  }

  /** Throws a SyntaxError, or a TypeError where it is no UTF-8, for what is not JSON. */
  push(chunk: Uint8Array): void {
    if (this.isList === false) return
    const { length } = chunk
    let from = 0
    // Where the last comma between two items is.
    let until = -1
    let depth = this.#depth
    let inText = this.#inText
    let escaped = this.#escaped
    for (let at = 0; at < length; at += 1) {
      const byte = chunk[at] as number
      if (inText) {
        if (escaped) escaped = false
        else if (byte === BACKSLASH) escaped = true
        else if (byte === QUOTE) inText = false
      } else if (depth === 0) {
        if (isSpace(byte)) continue
        if (this.#ended) throw new SyntaxError('something follows the list')
        this.isList = byte === OPEN
        if (!this.isList) return
        depth = 1
        from = at + 1
      } else if (byte === QUOTE) inText = true
      else if (byte === COMMA) {
        if (depth === 1) until = at
      } else if (byte === OPEN || byte === BRACE_OPEN) {
        depth += 1
        if (depth > MAX_DEPTH) throw tooDeep()
      } else if (byte === CLOSE || byte === BRACE_CLOSE) {
        depth -= 1
        if (depth > 0) continue
        if (byte !== CLOSE) throw new SyntaxError('a list that ends with }')
        this.#parse(chunk.subarray(from, at), true)
        this.#ended = true
      }
    }
    this.#depth = depth
    this.#inText = inText
    this.#escaped = escaped
    if (this.#ended || depth === 0) return
    if (until >= from) {
      this.#parse(chunk.subarray(from, until), false)
      from = until + 1
    }
    // A copy: who hands out chunks may use their memory again.
    if (from < length) this.#keep(Buffer.from(chunk.subarray(from)))
  }

  /** Throws a SyntaxError where the list has no end. */
  end(): unknown[] {
    if (!this.#ended) throw new SyntaxError('the list breaks off')
    return this.#items
  }

  #keep(part: Uint8Array): void {
    this.#restBytes += part.byteLength
    if (this.#restBytes > MAX_PIECE_BYTES) throw tooLong()
    this.#rest.push(part)
  }

  #parse(tail: Uint8Array, last: boolean): void {
    const bytes = this.#rest.length === 0 ? tail : Buffer.concat([...this.#rest, tail])
    this.#rest = []
    this.#restBytes = 0
    const items = parseJson(`[${textOf(bytes)}]`) as unknown[]
    // Nothing between two commas, or between the last one and the end.
    if (items.length === 0 && (this.#begun || !last)) throw new SyntaxError('an item is missing')
    this.#begun = true
    if (this.#items.length + items.length > MAX_ITEMS)
      throw new SyntaxError(`more than ${MAX_ITEMS} items in a list`)
    const each = this.#each
    for (const item of items) this.#items.push(each === undefined ? item : each(item))
  }
}

const DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Throws a TypeError for what is no UTF-8. A byte order mark is left in: no JSON begins with one. */
export function textOf(bytes: Uint8Array): string {
  return DECODER.decode(bytes)
}

/** What is no list, as `JSON.parse` has it. Throws a SyntaxError for what it refuses, and for what would cost too much. */
export function parseWhole(bytes: Uint8Array): unknown {
  if (bytes.byteLength > MAX_PIECE_BYTES) throw tooLong()
  if (isDeep(bytes)) throw tooDeep()
  return parseJson(textOf(bytes))
}

function isDeep(bytes: Uint8Array): boolean {
  let depth = 0
  let inText = false
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] as number
    if (inText) {
      if (byte === BACKSLASH) at += 1
      else if (byte === QUOTE) inText = false
    } else if (byte === QUOTE) inText = true
    else if (byte === OPEN || byte === BRACE_OPEN) {
      depth += 1
      if (depth > MAX_DEPTH) return true
    } else if (byte === CLOSE || byte === BRACE_CLOSE) depth -= 1
  }
  return false
}

const tooDeep = (): SyntaxError => new SyntaxError(`nested more than ${MAX_DEPTH} times`)
const tooLong = (): SyntaxError => new SyntaxError(`more than ${MAX_PIECE_BYTES} bytes in one piece`)

/**
 * As `JSON.parse`; what it throws does not quote what is around the mistake, as V8's words do: that may be a private key,
 * or what an echo has sent back. Throws a SyntaxError.
 */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new SyntaxError(text.trim() === '' ? 'it is empty' : 'it has a mistake, or breaks off')
  }
}
