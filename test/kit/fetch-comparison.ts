import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import { type Arm, bareArm, meshArm } from './fetch-arms.ts'
import { type Case, observe } from './fetch-observation.ts'
import { watchProcess } from './invariants.ts'

const HANGS_MS = 2000
/** undici 6 gives the bytes of a body away with the first request, and then fails to send them again. */
const LOSES_BYTES = Number.parseInt(process.versions.undici ?? '', 10) < 7

/**
 * The same call through the built-in fetch, without a mesh, and through mesh.fetch, each to a server of its own: what the
 * two callers see and what the two servers see must not differ. Where the built-in one says "fetch failed", any MeshError
 * is as good.
 */
export class Comparison {
  cases = 0
  readonly #differing: string[] = []
  readonly bare: Arm
  readonly mesh: Arm
  readonly #unhandled = watchProcess()

  static async open(): Promise<Comparison> {
    return new Comparison(await bareArm(), await meshArm())
  }

  private constructor(bare: Arm, mesh: Arm) {
    this.bare = bare
    this.mesh = mesh
  }

  readonly same = async (one: Case): Promise<void> => {
    if (LOSES_BYTES && one.answer.location !== undefined && isBytes(one.init?.()?.body)) return
    this.cases++
    // Half of them look at the body first: it is a stream then, otherwise it need not be.
    const full = { ...one, peek: one.peek ?? this.cases % 2 === 0 }
    const [expected, actual] = await Promise.all([bounded(this.bare, full), bounded(this.mesh, full)])
    const found = differences(expected, actual, '')
    if (found.length > 0)
      this.#differing.push(`${short({ ...full, init: one.init?.() })}\n    ${found.join('\n    ')}`)
  }

  /** Throws what differed since the last time, all of it at once. */
  check(): void {
    const found = this.#differing.splice(0)
    assert.equal(found.length, 0, `${found.length} differ: built-in ≠ mesh\n${found.slice(0, 12).join('\n')}`)
  }

  async close(): Promise<void> {
    assert.deepEqual(this.#unhandled(), [])
    await this.bare.close()
    await this.mesh.close()
  }
}

/** What hangs is seen too. */
function bounded(arm: Arm, one: Case): Promise<unknown> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve('hangs'), HANGS_MS)
    void observe(arm, one)
      .then(resolve, (error) => resolve(`failed: ${error}`))
      .finally(() => clearTimeout(timer))
  })
}

function differences(expected: unknown, actual: unknown, path: string): string[] {
  if (isDeepStrictEqual(expected, actual)) return []
  if (typeof expected !== 'object' || typeof actual !== 'object' || expected === null || actual === null)
    return [`${path}: ${short(expected)} ≠ ${short(actual)}`]
  const keys = new Set([...Object.keys(expected), ...Object.keys(actual)])
  return [...keys].flatMap((key) =>
    differences((expected as any)[key], (actual as any)[key], `${path}.${key}`),
  )
}

const short = (value: unknown): string => (JSON.stringify(value) ?? String(value)).slice(0, 160)

const isBytes = (body: unknown): boolean => ArrayBuffer.isView(body) || body instanceof ArrayBuffer
