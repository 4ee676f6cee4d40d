/**
 * `grpc.health.v1` on the wire: two messages of one field each (grpc/grpc-proto, grpc/health/v1/health.proto). A library
 * for it would bring protobuf to everybody who serves.
 */

/** `HealthCheckResponse.ServingStatus`. */
export type ServingStatus = 1 | 2 | 3
export const SERVING: ServingStatus = 1
export const NOT_SERVING: ServingStatus = 2
/** Of `Watch` alone: a service this server does not know, perhaps yet. */
export const SERVICE_UNKNOWN: ServingStatus = 3

export interface HealthCheckRequest {
  /** Empty: the server as a whole. */
  readonly service: string
}

export interface HealthCheckResponse {
  readonly status: ServingStatus
}

const VARINT = 0
const FIXED64 = 1
const BYTES = 2
const FIXED32 = 5
const SERVICE = 1
const STATUS_TAG = (1 << 3) | VARINT

/** @throws RangeError for what is no protobuf message */
export function decodeRequest(bytes: Buffer): HealthCheckRequest {
  const reader = new Reader(bytes)
  let service = ''
  while (!reader.done) {
    const tag = reader.varint()
    const field = tag >>> 3
    if (field === 0) throw new RangeError('a field of number 0')
    const value = reader.field(tag & 7)
    // Of a field that comes twice the last counts, and what is not known is passed over.
    if (field === SERVICE && value !== undefined) service = value.toString('utf8')
  }
  return { service }
}

/** Every status is below 128, so it is one byte. */
export function encodeResponse({ status }: HealthCheckResponse): Buffer {
  return Buffer.from([STATUS_TAG, status])
}

/** For clients of ours: tests, and probes. */
export function encodeRequest({ service }: HealthCheckRequest): Buffer {
  const name = Buffer.from(service)
  if (name.length === 0) return name
  const head = [(SERVICE << 3) | BYTES]
  let length = name.length
  for (; length > 127; length >>>= 7) head.push((length & 127) | 128)
  return Buffer.concat([Buffer.from([...head, length]), name])
}

/** @throws RangeError for what is no protobuf message */
export function decodeResponse(bytes: Buffer): { readonly status: number } {
  const reader = new Reader(bytes)
  let status = 0
  while (!reader.done) {
    const tag = reader.varint()
    if (tag === STATUS_TAG) status = reader.varint()
    else reader.field(tag & 7)
  }
  return { status }
}

class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length
  }

  /** The lower 32 bits; nothing here needs more. */
  varint(): number {
    let value = 0
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined) throw new RangeError('a message that ends too early')
      if (shift < 32) value |= (byte & 127) << shift
      if (byte < 128) return value >>> 0
    }
    throw new RangeError('a number that does not end')
  }

  /** Passes over the value of a field, and gives it back where it is bytes. */
  field(type: number): Buffer | undefined {
    switch (type) {
      case VARINT:
        this.varint()
        return undefined
      case FIXED64:
        this.#take(8)
        return undefined
      case BYTES:
        return this.#take(this.varint())
      case FIXED32:
        this.#take(4)
        return undefined
      default:
        throw new RangeError(`a field of type ${type}`)
    }
  }

  #take(length: number): Buffer {
    const end = this.#at + length
    if (end > this.#bytes.length) throw new RangeError('a message that ends too early')
    const taken = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return taken
  }
}
