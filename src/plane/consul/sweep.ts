import type { ConsulKv } from './kv.ts'
import { IN_PARTS, markOf, PARTS, readManifest } from './parts.ts'

/** A writing whose mark is older has ended: no request of it can be under way any more. */
const ABANDONED_MS = 3_600_000

/**
 * Removes parts that no head says: of writings that were broken off, and of values whose parts a crash left. Safe beside
 * any number of writers, whatever their clocks say: a writing ends only while its mark is there, and the mark is taken away
 * before its parts are. @returns how many writings were removed
 */
export async function sweep(kv: ConsulKv, wall: () => number): Promise<number> {
  const unfinished = new Set<string>()
  const writings = new Map<string, { readonly key: string; readonly nonce: string }>()
  for (const name of await kv.keys(PARTS)) {
    const [, key, nonce, part] = /^\.parts\/(.+)\/([0-9a-f]{32})(\/\d{5})?$/.exec(name) ?? []
    if (key === undefined || nonce === undefined) continue
    const mark = markOf(key, nonce)
    writings.set(mark, { key, nonce })
    if (part === undefined) unfinished.add(mark)
  }
  let removed = 0
  // The heads are read after the list: a writing without a mark was finished before it, so its head is there by now.
  for (const [mark, { key, nonce }] of writings) {
    const head = await kv.get(key)
    if (head?.flags === IN_PARTS && readManifest(head.bytes)?.nonce === nonce) continue
    if (unfinished.has(mark) && !(await abandoned(kv, mark, wall()))) continue
    await kv.removeAll(mark)
    removed++
  }
  return removed
}

/** Whether the writing was given up, and can never be finished from now on. */
async function abandoned(kv: ConsulKv, mark: string, wallMs: number): Promise<boolean> {
  const found = await kv.get(mark)
  if (found === undefined || wallMs - Number(Buffer.from(found.bytes).toString()) < ABANDONED_MS) return false
  const { index } = found
  const taken = await kv.commit([
    { verb: 'check-index', key: mark, index },
    { verb: 'delete', key: mark },
  ])
  return taken === 'done'
}
