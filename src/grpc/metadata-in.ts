import type { Metadata } from '@grpc/grpc-js'
import { MeshError } from '../core/errors.ts'
import { BAGGAGE, PREVIOUS_RPC_ATTEMPTS, TIMEOUT, TRACEPARENT, TRACESTATE } from '../core/header-names.ts'
import { isConfusable, isProtected } from '../core/protected-headers.ts'

const MILLISECONDS = /^\d{1,10}$/
const NONE: readonly string[] = Object.freeze([])

/** What other implementations of gRPC take at most (its core's `grpc.absolute_max_metadata_size`), and `mesh.serve` too. */
export const MAX_HEADER_BYTES = 16 * 1024
/** What a header counts beside its name and value (RFC 9113, 6.5.2). */
const HEADER_OVERHEAD = 32

/** What the mesh itself reads of an inbound call's metadata. */
export interface MetadataIn {
  readonly traceparent: readonly string[]
  readonly tracestate: readonly string[]
  readonly baggage: readonly string[]
  /** Envoy's word for the remaining time, the shortest of several; undefined: it was not said. */
  readonly timeoutMs: number | undefined
  readonly previousAttempts: string | undefined
}

/**
 * Reads the metadata once, before anything decides on it, and takes out what speaks for an identity or for the mesh: the
 * application sees what is left.
 *
 * @param authority as the transport understood it
 * @param stranger anybody may come in here, so deadlines, attempts and baggage are nobody's word
 * @param maxBytes of all names and values; what is beyond is not kept as long as its caller likes. 0: as many as come
 * @returns TULLE_BAD_REQUEST where there is more than one reading, TULLE_HEADERS_TOO_LARGE
 */
export function readMetadata(
  metadata: Metadata,
  authority: string | undefined,
  stranger: boolean,
  maxBytes = MAX_HEADER_BYTES,
): MetadataIn | MeshError {
  const reading: Reading = { ...NOTHING }
  const names = Object.keys(metadata.getMap())
  if (maxBytes > 0 && tooLarge(metadata, names, maxBytes)) {
    for (const name of names) metadata.remove(name)
    return new MeshError('TULLE_HEADERS_TOO_LARGE', `The metadata is larger than ${maxBytes} bytes.`, {
      layer: 'canonical',
    })
  }
  for (const name of names) {
    switch (name) {
      case TRACEPARENT:
        reading.traceparent = texts(metadata, name)
        break
      case TRACESTATE:
        reading.tracestate = texts(metadata, name)
        break
      case BAGGAGE:
        if (!stranger) reading.baggage = texts(metadata, name)
        break
      case TIMEOUT:
        if (!stranger) reading.timeoutMs = shortest(texts(metadata, name))
        break
      case PREVIOUS_RPC_ATTEMPTS:
        if (!stranger) reading.previousAttempts = texts(metadata, name)[0]
        break
      case 'host':
        if (!agree(texts(metadata, name), authority)) return bad('host and :authority disagree.')
        break
      default:
        if (isConfusable(name)) return bad('A name with an underscore stands for one that the mesh believes.')
        if (isProtected(name)) metadata.remove(name)
    }
  }
  return reading
}

/** What grpc-js takes off the metadata because every call has it. */
const OF_EVERY_CALL: ReadonlyMap<string, readonly string[]> = new Map([
  ['content-type', ['application/grpc']],
  ['te', ['trailers']],
])

/** Every value of a name, as text: binary values in base64. */
export function valuesOf(metadata: Metadata, name: string): readonly string[] {
  const values = metadata.get(name)
  if (values.length === 0) return OF_EVERY_CALL.get(name) ?? NONE
  return values.map((value) => (typeof value === 'string' ? value : value.toString('base64')))
}

type Reading = { -readonly [Name in keyof MetadataIn]: MetadataIn[Name] }

const NOTHING: MetadataIn = Object.freeze({
  traceparent: NONE,
  tracestate: NONE,
  baggage: NONE,
  timeoutMs: undefined,
  previousAttempts: undefined,
})

function tooLarge(metadata: Metadata, names: readonly string[], maxBytes: number): boolean {
  let bytes = 0
  for (const name of names)
    for (const value of metadata.get(name)) bytes += HEADER_OVERHEAD + name.length + value.length
  return bytes > maxBytes
}

const texts = (metadata: Metadata, name: string): readonly string[] => metadata.get(name).map(String)

function shortest(values: readonly string[]): number | undefined {
  let least: number | undefined
  for (const value of values)
    if (MILLISECONDS.test(value)) least = Math.min(least ?? Number.POSITIVE_INFINITY, Number(value))
  return least
}

/** RFC 9113, 8.3.1: where both are there they name the same. */
function agree(hosts: readonly string[], authority: string | undefined): boolean {
  return (
    hosts.length === 1 && (authority === undefined || hosts[0]?.toLowerCase() === authority.toLowerCase())
  )
}

function bad(rule: string): MeshError {
  return new MeshError('TULLE_BAD_REQUEST', rule, { layer: 'canonical' })
}
