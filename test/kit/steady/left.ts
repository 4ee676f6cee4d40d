import { getHeapCodeStatistics } from 'node:v8'
import { activeResources } from '../invariants.ts'

/** What a process holds between two calls, when all that could be collected was. Bytes. */
export interface Left {
  /** Objects on JavaScript's heap, the least that several looks found. */
  readonly heap: number
  /** Compiled code and what belongs to it: V8 makes it anew now and then for as long as a program runs, not with each call. */
  readonly code: number
  /** Buffers and whatever else lives beside the heap. */
  readonly outside: number
  /** Of the operating system's point of view; for the reader. */
  readonly resident: number
  /** What keeps the process alive, by its kind. */
  readonly resources: Readonly<Record<string, number>>
  /** Handles of libuv, of Node's own count. */
  readonly handles: number
  /** Listeners on `process`. */
  readonly listeners: number
}

const collect = (globalThis as unknown as { gc(): void }).gc
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function compiled(): number {
  const code = getHeapCodeStatistics()
  return code.code_and_metadata_size + code.bytecode_and_metadata_size
}

/** Looks until nothing more is let go: what a collection finalizes lets go of more, and that a turn of the loop later. */
export async function left(): Promise<Left> {
  let heap = Number.POSITIVE_INFINITY
  let outside = Number.POSITIVE_INFINITY
  for (let idle = 0; idle < 3; idle++) {
    collect()
    await turn()
    const { heapUsed, external } = process.memoryUsage()
    const objects = heapUsed - compiled()
    if (objects < heap - 1024 || external < outside - 1024) idle = -1
    heap = Math.min(heap, objects)
    outside = Math.min(outside, external)
  }
  return {
    heap,
    code: compiled(),
    outside,
    resident: process.memoryUsage.rss(),
    resources: activeResources(),
    handles: (process as unknown as { _getActiveHandles(): unknown[] })._getActiveHandles().length,
    listeners: process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0),
  }
}
