/** How calls are sent: so many at a time, each when it is due, or so many with their allocations sampled. */
import { Session } from 'node:inspector/promises'
import type { Method } from '../arms/arm.ts'
import type { Closed, Heap, HeapAnswer, Open } from '../messages.ts'
import { stayAwake } from '../worker.ts'

export type Done = (error: Error | undefined) => void
/** Sends one call, and tells when its answer has come whole and right, or what was wrong with it. */
export type Once = (method: Method, done: Done) => void

export interface Caller {
  readonly once: Once
  /** What calls leave to be done after them: spans that wait to be exported. Given how many calls there were. */
  readonly settle?: (calls: number) => Promise<void>
}

/** As many as the time allows; all that began have ended when it resolves, so their cost can be divided among them. */
export function closedLoop(
  { once }: Caller,
  { method, ms, concurrency, awake = false }: Closed,
): Promise<number> {
  return new Promise((resolve, reject) => {
    let calls = 0
    let inFlight = concurrency
    let over = false
    const timer = setTimeout(() => {
      over = true
    }, ms)
    const done = (error: Error | undefined): void => {
      if (error !== undefined) {
        clearTimeout(timer)
        over = true
        reject(error)
      }
      calls++
      if (!over) once(method, done)
      else if (--inFlight === 0) {
        stayAwake(false)
        resolve(calls)
      }
    }
    stayAwake(awake)
    for (let n = 0; n < concurrency; n++) once(method, done)
  })
}

/** Milliseconds from when a call was due to its end. The loop never sleeps meanwhile: timers come a millisecond late. */
export function openLoop({ once }: Caller, { method, due }: Omit<Open, 'ask'>): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const latenciesMs: number[] = []
    let next = 0
    const end = (fail?: Error): void => {
      stayAwake(false)
      if (fail === undefined) resolve(latenciesMs)
      else reject(fail)
    }
    if (due.length === 0) return end()
    const start = performance.now() + 1
    const look = (): void => {
      const now = performance.now()
      while (next < due.length && start + due[next]! <= now) send(start + due[next++]!)
      if (next < due.length) setImmediate(look)
    }
    const send = (dueMs: number): void =>
      once(method, (error) => {
        latenciesMs.push(performance.now() - dueMs)
        if (error !== undefined) end(error)
        else if (latenciesMs.length === due.length) end()
      })
    stayAwake(true)
    look()
  })
}

/** Bytes allocated by so many calls, collected since or not, by V8's sampling heap profiler. */
export async function sampleHeap(caller: Caller, { method, calls, concurrency }: Heap): Promise<HeapAnswer> {
  const session = new Session()
  session.connect()
  const collected = { includeObjectsCollectedByMajorGC: true, includeObjectsCollectedByMinorGC: true }
  await session.post('HeapProfiler.startSampling', { samplingInterval: 4096, ...collected } as object)
  await some(caller, method, calls, concurrency)
  await caller.settle?.(0)
  const { profile } = await session.post('HeapProfiler.stopSampling')
  session.disconnect()
  return { calls, bytes: sizeOf(profile.head as Node) }
}

interface Node {
  readonly selfSize: number
  readonly children: readonly Node[]
}

const sizeOf = (node: Node): number =>
  node.children.reduce((sum, child) => sum + sizeOf(child), node.selfSize)

function some({ once }: Caller, method: Method, calls: number, concurrency: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let begun = 0
    let over = 0
    const next = (): void => {
      if (begun++ < calls) once(method, done)
    }
    const done = (error: Error | undefined): void => {
      if (error !== undefined) reject(error)
      else if (++over === calls) resolve()
      else next()
    }
    for (let n = 0; n < Math.min(concurrency, calls); n++) next()
  })
}
