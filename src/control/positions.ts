import { type Document, isAlias, isMap, isScalar, isSeq, type LineCounter, type Node, type Pair } from 'yaml'
import type { Path, Position, PositionLookup } from '../policy/problem.ts'

/** Where keys and values stand in a YAML text. A path that is not there is looked for as far as it goes. */
export function positionsIn(document: Document, lines: LineCounter): PositionLookup {
  const position = (node: unknown): Position | undefined => {
    const offset = (node as Partial<Node> | null | undefined)?.range?.[0]
    if (offset === undefined) return undefined
    const { line, col } = lines.linePos(offset)
    return { line, column: col }
  }
  return (path: Path, of: 'key' | 'value') => {
    let node: unknown = document.contents
    let place = position(node) ?? { line: 1, column: 1 }
    for (const [depth, key] of path.entries()) {
      const last = depth === path.length - 1
      const target = isAlias(node) ? node.resolve(document) : node
      const next = isSeq(target)
        ? target.items[Number(key)]
        : isMap(target)
          ? pairOf(target.items, key)
          : undefined
      if (next === undefined) return place
      const pair = isMap(target) ? (next as Pair) : undefined
      node = pair === undefined ? next : pair.value
      const asked = pair !== undefined && last && of === 'key' ? pair.key : (node ?? pair?.key)
      place = position(asked) ?? position(pair?.key) ?? place
    }
    return place
  }
}

function pairOf(pairs: readonly Pair[], key: PropertyKey): Pair | undefined {
  return pairs.find((pair) => isScalar(pair.key) && String(pair.key.value) === key)
}
