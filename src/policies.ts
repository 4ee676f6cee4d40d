import type { PolicyFeed, PolicyUpdate } from './control/feed.ts'
import type { Events } from './core/events.ts'
import type { Snapshot } from './core/plan.ts'
import type { Logger, Part } from './core/ports.ts'
import type { BasePolicy } from './policy/base.ts'
import { BUILT_IN, compile } from './policy/compile.ts'
import { problemText } from './policy/problem.ts'
import type { AnyPiece } from './policy/schema.ts'

export interface PoliciesOptions {
  /**
   * Asked at every start, because a feed that was closed stays closed. Undefined: no policy was given, the built-in
   * defaults apply.
   */
  feed(): PolicyFeed | undefined
  readonly pieces: readonly AnyPiece[]
  /** Services known without any policy; asked at every compilation. */
  known(): Iterable<string>
  /** What stands below the documents; asked at every compilation. Undefined: nothing. */
  readonly base?: (() => BasePolicy | undefined) | undefined
  /** Puts a snapshot in force. Where it throws, the one before stays. */
  apply(snapshot: Snapshot): void
  readonly events: Events
  readonly log: Logger
}

/** Turns what the policy feed brings into snapshots in force, and remembers what was refused. */
export class Policies implements Part {
  readonly name = 'policy'
  readonly #options: PoliciesOptions
  #snapshot: Snapshot | undefined
  #latest: PolicyUpdate | undefined
  #refused: readonly string[] = []
  #feed: PolicyFeed | undefined
  #stop: (() => void) | undefined

  constructor(options: PoliciesOptions) {
    this.#options = options
  }

  /** What was refused and why, one line each; empty when all is well. */
  get refused(): readonly string[] {
    return this.#refused
  }

  async start(signal: AbortSignal): Promise<void> {
    const feed = this.#options.feed()
    this.#feed = feed
    if (feed === undefined) {
      this.#apply({ version: BUILT_IN, documents: [], problems: [] })
      return
    }
    this.#stop = feed.onUpdate((update) => this.#follow(update))
    await feed.start(signal)
    if (feed.current !== undefined) this.#apply(feed.current)
  }

  async close(): Promise<void> {
    this.#stop?.()
    await this.#feed?.close()
  }

  /** Names that discovery has learnt or forgotten, another base: the same documents, compiled anew. */
  recompile(): void {
    if (this.#latest !== undefined) this.#follow(this.#latest, true)
  }

  /** A later update must not throw into the feed, and must not take a good policy away. */
  #follow(update: PolicyUpdate, again = false): void {
    try {
      this.#apply(update, again)
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      this.#refuse([`the policy could not be put in force: ${message}`])
    }
  }

  #apply(update: PolicyUpdate, again = false): void {
    const { version, documents, problems } = update
    this.#latest = update
    const { pieces, known, base, apply, events, log } = this.#options
    const previous = this.#snapshot
    const from = { knownServices: known(), previous, version, base: base?.() }
    const compiled = compile(documents, pieces, from)
    const { snapshot } = compiled
    const other = previous?.version !== snapshot.version
    if (again || other) {
      apply(snapshot)
      this.#snapshot = snapshot
    }
    if (other) {
      events.emit('policy-applied', { version: snapshot.version, documents: documents.length })
      log.info('policy in force', {
        version: snapshot.version,
        documents: documents.map(({ name }) => name),
      })
    }
    if (!again) this.#refuse([...problems, ...compiled.problems].map(problemText))
  }

  #refuse(refused: readonly string[]): void {
    this.#refused = refused
    if (refused.length === 0) return
    this.#options.log.error(`policy refused, the last good one stays in force: ${refused.join('; ')}`)
    this.#options.events.emit('policy-refused', { document: refused[0] ?? '', problems: refused })
  }
}
