const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const OPEN = 0x5b
const CLOSE = 0x5d
const BRACE_OPEN = 0x7b
const BRACE_CLOSE = 0x7d

const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

/**
 * Finds where the items of a JSON list begin and end, and leaves the parsing of each to `JSON.parse`: what that refuses
 * is refused here. It is no parser: tokenizers for streams, tried on the same lists, cost ten times as much.
 */
export class ListParser {
  /** Undefined until the first byte that is no space. */
  isList: boolean | undefined
  readonly #items: unknown[] = []
  #rest: Uint8Array[] = []
  #depth = 0
  #inText = false
  #escaped = false
  #ended = false

  /** Throws a SyntaxError for what is not JSON. */
  push(chunk: Uint8Array): void {
    let from = 0
    for (let at = 0; at < chunk.length; at += 1) {
      const byte = chunk[at] as number
      if (this.#inText) {
        if (this.#escaped) this.#escaped = false
        else if (byte === BACKSLASH) this.#escaped = true
        else if (byte === QUOTE) this.#inText = false
        continue
      }
      if (this.isList === undefined) {
        if (isSpace(byte)) continue
        this.isList = byte === OPEN
        if (!this.isList) return
        this.#depth = 1
        from = at + 1
        continue
      }
      if (this.#ended) {
        if (!isSpace(byte)) throw new SyntaxError('something follows the list')
        continue
      }
      if (byte === QUOTE) this.#inText = true
      else if (byte === OPEN || byte === BRACE_OPEN) this.#depth += 1
      else if (byte === CLOSE || byte === BRACE_CLOSE) {
        this.#depth -= 1
        if (this.#depth > 0) continue
        if (byte !== CLOSE) throw new SyntaxError('a list that ends with }')
        this.#item(chunk.subarray(from, at), true)
        this.#ended = true
      } else if (byte === COMMA && this.#depth === 1) {
        this.#item(chunk.subarray(from, at), false)
        from = at + 1
      }
    }
    if (this.isList === true && !this.#ended) this.#rest.push(chunk.slice(from))
  }

  /** Throws a SyntaxError where the list has no end. */
  end(): unknown[] {
    if (!this.#ended) throw new SyntaxError('the list breaks off')
    return this.#items
  }

  #item(tail: Uint8Array, last: boolean): void {
    const bytes = this.#rest.length === 0 ? tail : Buffer.concat([...this.#rest, tail])
    this.#rest = []
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    if (last && this.#items.length === 0 && text.trim() === '') return
    this.#items.push(JSON.parse(text))
  }
}
