import type { Random } from '../../src/core/ports.ts'

/** A seeded generator (mulberry32): the same numbers every run, uniform in [0, 1). */
export function seeded(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Gives the listed numbers in turn, the last one for ever. */
export function scripted(...numbers: readonly [number, ...number[]]): Random {
  let index = 0
  return () => numbers[Math.min(index++, numbers.length - 1)] as number
}
