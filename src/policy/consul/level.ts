import type { Sourced } from '../base.ts'
import type { AnyPiece } from '../schema.ts'
import type { Told } from './not-honoured.ts'

/**
 * A level made of what entries say, written as a document would write it and judged by the schemas that judge
 * documents: an entry can ask for nothing that a document could not.
 */
export class LevelDraft {
  readonly #pieces: readonly AnyPiece[]
  readonly #route: boolean
  readonly #level: Record<string, unknown> = {}
  readonly #from: Record<string, string> = {}

  /** @param of whose settings these are: a route may say less */
  constructor(pieces: readonly AnyPiece[], of: 'service' | 'route') {
    this.#pieces = pieces
    this.#route = of === 'route'
  }

  /**
   * @param key of the piece
   * @param written as in a document; undefined says nothing
   * @param path in the entry
   */
  say(key: string, written: unknown, told: Told, path: string): void {
    if (written === undefined) return
    const piece = this.#pieces.find((one) => one.key === key)
    const schema = this.#route ? (piece?.routeSchema ?? piece?.schema) : piece?.schema
    const { success, data, error } = schema?.safeParse(written) ?? {}
    if (success !== true) {
      told.tell(path, `${key}: ${error?.issues[0]?.message ?? 'not there'}`)
      return
    }
    this.#level[key] = data
    this.#from[key] = told.from(path)
  }

  /** Undefined: nothing was said. */
  done(): Sourced | undefined {
    if (Object.keys(this.#level).length === 0) return undefined
    return { level: this.#level, from: this.#from }
  }
}

/** Milliseconds as a document writes them. */
export function written(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : `${Math.max(1, Math.round(ms))}ms`
}
