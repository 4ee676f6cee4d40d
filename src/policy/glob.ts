/** One part of a path pattern between slashes. */
type Segment =
  | { readonly kind: 'many' }
  | { readonly kind: 'one' }
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'partial'; readonly text: string; readonly pieces: readonly string[] }

const MANY: Segment = { kind: 'many' }
const MAX_LENGTH = 512
const MAX_SEGMENTS = 16

export const GLOB_ACCEPTS =
  'a path pattern such as /v1/**, /orders/{id} or /files/*.csv (** for any number of segments, * within one)'

/** Why a text is no path pattern; undefined: it is one. */
export function globMistake(text: string): string | undefined {
  if (!text.startsWith('/')) return 'a path pattern begins with /'
  if (text.length > MAX_LENGTH) return `a path pattern has at most ${MAX_LENGTH} characters`
  if (/[?#\s]/.test(text)) return 'a path pattern has no query, fragment or space'
  const segments = text.slice(1).split('/')
  if (segments.length > MAX_SEGMENTS) return `a path pattern has at most ${MAX_SEGMENTS} segments`
  for (const segment of segments) {
    if (segment !== '**' && segment.includes('**')) return '** stands alone between slashes'
    if (/[{}]/.test(segment) && !/^\{\w+\}$/.test(segment)) return '{name} stands alone between slashes'
  }
  return undefined
}

function segmentOf(text: string): Segment {
  if (text === '**') return MANY
  if (text === '*' || text.startsWith('{')) return { kind: 'one' }
  return text.includes('*') ? { kind: 'partial', text, pieces: text.split('*') } : { kind: 'literal', text }
}

/**
 * A path pattern, compiled. `**` stands for any number of segments, none included (`/v1/**` matches `/v1` too); `*`
 * alone and `{name}` for one segment that is not empty; `*` inside a segment for any text in it. Everything else is
 * literal, upper and lower case apart.
 *
 * There is no backtracking: between two `**` the leftmost place where the fixed segments fit is as good as any other,
 * and so it is for the literal text between two `*`. A match takes time in proportion to the path and to the segments
 * of the pattern, which are few, and never more.
 */
export class Glob {
  readonly #segments: readonly Segment[]
  /** The runs of segments between `**`; a single run: there is no `**`. */
  readonly #blocks: readonly (readonly Segment[])[]
  readonly #exact: string | undefined
  readonly #prefix: string | undefined

  /** @param text one that `globMistake` has nothing to say about */
  constructor(text: string) {
    this.#segments = text.slice(1).split('/').map(segmentOf)
    const blocks: Segment[][] = [[]]
    for (const segment of this.#segments) {
      if (segment.kind === 'many') blocks.push([])
      else blocks.at(-1)?.push(segment)
    }
    this.#blocks = blocks
    const literal = (block: readonly Segment[]): boolean => block.every(({ kind }) => kind === 'literal')
    this.#exact = blocks.length === 1 && literal(this.#segments) ? text : undefined
    this.#prefix =
      blocks.length === 2 && blocks[1]?.length === 0 && literal(blocks[0] as Segment[])
        ? text.slice(0, -'/**'.length)
        : undefined
  }

  matches(path: string): boolean {
    if (this.#exact !== undefined) return path === this.#exact
    const prefix = this.#prefix
    if (prefix !== undefined)
      return (
        path.startsWith(prefix) &&
        (path.length === prefix.length ? prefix !== '' : path[prefix.length] === '/')
      )
    return path.startsWith('/') && this.#matchesBlocks(path)
  }

  #matchesBlocks(path: string): boolean {
    const last = this.#blocks.length - 1
    const end = path.length + 1
    let at = after(path, 1, this.#blocks[0] as readonly Segment[])
    if (last === 0) return at === end
    const tail = this.#blocks[last] as readonly Segment[]
    const tailStart = at === -1 ? -1 : lastSegments(path, tail.length)
    if (tailStart < at || tailStart === -1 || after(path, tailStart, tail) !== end) return false
    for (let i = 1; i < last; i++) {
      at = leftmost(path, at, tailStart, this.#blocks[i] as readonly Segment[])
      if (at === -1) return false
    }
    return true
  }

  /** Whether every path that `other` matches is matched by this one. Never wrongly yes; rarely wrongly no. */
  covers(other: Glob): boolean {
    const mine = this.#segments
    const theirs = other.#segments
    /** `row[j]`: whether the segments of mine seen so far, counted from the last, cover theirs from `j` on. */
    let row = theirs.concat([MANY]).map((_, j) => j === theirs.length)
    for (const segment of mine.toReversed()) {
      const below = row
      row = [...below]
      for (let j = theirs.length; j >= 0; j--) {
        const against = theirs[j]
        row[j] =
          segment.kind === 'many'
            ? below[j] === true || row[j + 1] === true
            : against !== undefined && segmentCovers(segment, against) && below[j + 1] === true
      }
    }
    return row[0] === true
  }
}

/** Where the segment after `block` begins if the block fits at `from`; -1: it does not. A path's end is its length + 1. */
function after(path: string, from: number, block: readonly Segment[]): number {
  let at = from
  for (const segment of block) {
    if (at > path.length) return -1
    const slash = path.indexOf('/', at)
    const end = slash === -1 ? path.length : slash
    if (!fits(segment, path, at, end)) return -1
    at = end + 1
  }
  return at
}

function leftmost(path: string, from: number, before: number, block: readonly Segment[]): number {
  for (let start = from; start <= before; ) {
    const end = after(path, start, block)
    if (end !== -1) return end <= before ? end : -1
    const slash = path.indexOf('/', start)
    if (slash === -1) return -1
    start = slash + 1
  }
  return -1
}

/** Where the last `count` segments begin; -1: there are fewer. */
function lastSegments(path: string, count: number): number {
  let at = path.length + 1
  for (let i = 0; i < count; i++) {
    if (at < 2) return -1
    at = path.lastIndexOf('/', at - 2) + 1
  }
  return at
}

function fits(segment: Segment, path: string, start: number, end: number): boolean {
  if (segment.kind === 'one') return end > start
  if (segment.kind === 'literal')
    return end - start === segment.text.length && path.startsWith(segment.text, start)
  return segment.kind === 'partial' && fitsPieces(segment.pieces, path.slice(start, end))
}

function fitsPieces(pieces: readonly string[], text: string): boolean {
  const first = pieces[0] as string
  const final = pieces.at(-1) as string
  const limit = text.length - final.length
  let at = first.length
  if (at > limit || !text.startsWith(first) || !text.endsWith(final)) return false
  for (let i = 1; i < pieces.length - 1; i++) {
    const piece = pieces[i] as string
    const place = text.indexOf(piece, at)
    if (place === -1 || place + piece.length > limit) return false
    at = place + piece.length
  }
  return true
}

function segmentCovers(wide: Segment, narrow: Segment): boolean {
  if (narrow.kind === 'many') return false
  if (wide.kind === 'one') return narrow.kind !== 'literal' || narrow.text !== ''
  if (wide.kind === 'partial')
    return narrow.kind === 'literal'
      ? fitsPieces(wide.pieces, narrow.text)
      : narrow.kind === 'partial' && narrow.text === wide.text
  return wide.kind === 'literal' && narrow.kind === 'literal' && narrow.text === wide.text
}
