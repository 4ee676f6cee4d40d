import type { Metadata } from '@grpc/grpc-js'
import type { Attempt } from '../core/attempt.ts'
import { BAGGAGE, GRPC_TIMEOUT, PREVIOUS_ATTEMPTS, PREVIOUS_RPC_ATTEMPTS } from '../core/header-names.ts'
import type { GrpcWire } from './wire.ts'

/** How much less time than we have we say the peer has, so that its answer can still arrive, in milliseconds. */
const DEADLINE_SAFETY_MS = 5
/** What a header of HTTP/2 may hold as gRPC writes it. */
const LEGAL_VALUE = /^[ -~]*$/

/** Headers of one connection of HTTP/1 (RFC 9113, 8.2.2), which callers pass on with all others of a request. */
const OF_CONNECTION = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
] as const

/**
 * The caller's metadata as a call keeps it: a copy, and without what HTTP/2 forbids. With any of that grpc-js does not
 * refuse the call but gives up the connection, and with it every other call there.
 */
export function keptMetadata(metadata: Metadata): Metadata {
  const kept = metadata.clone()
  for (const name of OF_CONNECTION) kept.remove(name)
  return kept
}

/**
 * What an attempt sends: the caller's metadata, what the layers add in place of any of that name (but a caller's own
 * baggage stays), and the time that is left. Only what the layers add needs a clone, since they may add something else next
 * time; the time is written anew by every attempt, and grpc-js clones what a call is started with.
 */
export function outgoingMetadata(attempt: Attempt<GrpcWire>, nowMs: number): Metadata {
  const { call } = attempt
  const { metadata } = call.wire
  const timed = call.covers === 'call' && call.deadline !== Number.POSITIVE_INFINITY
  const plain = attempt.hasOutbox === false || attempt.outbox.size === 0
  const sent = plain ? metadata : metadata.clone()
  if (!plain) for (const [name, value] of attempt.outbox) add(sent, name, value)
  if (timed) sent.set(GRPC_TIMEOUT, grpcTimeout(call.deadline - nowMs - DEADLINE_SAFETY_MS))
  // A deadline that was inherited binds no longer once the request it came with is answered.
  else if (attempt.number > 1) sent.remove(GRPC_TIMEOUT)
  return sent
}

function add(metadata: Metadata, name: string, value: string): void {
  if (!LEGAL_VALUE.test(value)) return
  if (name === BAGGAGE && metadata.get(BAGGAGE).length > 0) return
  metadata.set(name === PREVIOUS_ATTEMPTS ? PREVIOUS_RPC_ATTEMPTS : name, value)
}

/** At most eight digits and a unit (gRPC's doc/PROTOCOL-HTTP2.md); never more than is left, and never nothing. */
export function grpcTimeout(leftMs: number): string {
  const ms = Math.max(1, Math.floor(leftMs))
  if (ms < 1e8) return `${ms}m`
  const seconds = Math.floor(ms / 1000)
  return seconds < 1e8 ? `${seconds}S` : `${Math.min(99_999_999, Math.floor(seconds / 3600))}H`
}
