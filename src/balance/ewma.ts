import type { Load } from '../core/endpoint.ts'

/** What an endpoint is believed to take before it was ever measured, in milliseconds. */
export const SEED_MS = 30
/** The time constant of forgetting: a value is down to 37 % after it. In milliseconds. */
export const DECAY_MS = 10_000

/**
 * Peak EWMA, as Linkerd's `ewma` crate and Finagle's before it: a higher sample replaces the estimate at once, a
 * lower one is mixed in by the time that has passed, and without samples the estimate decays toward zero, so that
 * a slow endpoint is tried again.
 */
export function newLoad(nowMs: number): Load {
  return {
    inFlight: 0,
    ewmaMs: SEED_MS,
    stampMs: nowMs,
    oldestMs: Number.POSITIVE_INFINITY,
    penaltyEndMs: Number.NEGATIVE_INFINITY,
  }
}

/** The measured part of the estimate as of now. */
export function decayedMs(load: Load, nowMs: number): number {
  return load.ewmaMs * weightAfter(nowMs - load.stampMs)
}

/**
 * What an attempt sent now is expected to take: the decayed round trip, or the age of the oldest attempt without
 * an answer, or what is left of a penalty, whichever is worst.
 */
export function estimateMs(load: Load, nowMs: number): number {
  return Math.max(decayedMs(load, nowMs), nowMs - load.oldestMs, load.penaltyEndMs - nowMs)
}

/** A round trip that was measured to its end. */
export function observe(load: Load, sampleMs: number, nowMs: number): void {
  const weight = weightAfter(nowMs - load.stampMs)
  const decayed = load.ewmaMs * weight
  load.ewmaMs = sampleMs > decayed ? sampleMs : decayed + sampleMs * (1 - weight)
  load.stampMs = nowMs
}

/** A wait that was broken off: the answer would have taken at least so long. It never makes an endpoint look faster. */
export function observeAtLeast(load: Load, elapsedMs: number, nowMs: number): void {
  if (elapsedMs <= decayedMs(load, nowMs)) return
  load.ewmaMs = elapsedMs
  load.stampMs = nowMs
}

/** For `ms` the endpoint counts as one that takes as long as is left of them. A longer penalty outlasts a shorter. */
export function penalise(load: Load, ms: number, nowMs: number): void {
  load.penaltyEndMs = Math.max(load.penaltyEndMs, nowMs + Math.max(ms, decayedMs(load, nowMs)))
}

function weightAfter(passedMs: number): number {
  return passedMs > 0 ? Math.exp(-passedMs / DECAY_MS) : 1
}
