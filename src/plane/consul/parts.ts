import { createHash } from 'node:crypto'
import { z } from 'zod'

/** Consul takes 512 KiB for a value and for a transaction; in base64, as transactions have it, this much fits. */
export const PART_BYTES = 256 * 1024

/** `Flags` of a value that is not itself what is kept, but says where its parts are: "parts", in ASCII. */
export const IN_PARTS = 0x70_61_72_74_73

const manifest = z.object({
  /** Names the folder of the parts; nobody else's are ever there. */
  nonce: z.string().regex(/^[0-9a-f]{32}$/),
  bytes: z.int().min(0),
  /** SHA-256 of each, hexadecimal, in order. */
  parts: z.array(z.string()).min(1).max(10_000),
})
export type Manifest = z.infer<typeof manifest>

/** Below the prefix; no key of the store begins with a dot. */
export const PARTS = '.parts/'

/** Where the parts of one writing of a key are; itself the mark of a writing that is not finished. */
export const markOf = (key: string, nonce: string): string => `${PARTS}${key}/${nonce}`

export const partOf = (key: string, nonce: string, part: number): string =>
  `${markOf(key, nonce)}/${String(part).padStart(5, '0')}`

export function cut(bytes: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += PART_BYTES) parts.push(bytes.subarray(at, at + PART_BYTES))
  return parts
}

export function writeManifest(nonce: string, bytes: Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
  const content: Manifest = { nonce, bytes: bytes.length, parts: parts.map(sha256) }
  return Buffer.from(JSON.stringify(content))
}

/** Undefined: it is none. */
export function readManifest(bytes: Uint8Array): Manifest | undefined {
  try {
    return manifest.safeParse(JSON.parse(Buffer.from(bytes).toString())).data
  } catch {
    return undefined
  }
}

/** The whole, where every part is there and is what it was; undefined: it is not. */
export function join(
  { bytes, parts }: Manifest,
  found: readonly (Uint8Array | undefined)[],
): Uint8Array | undefined {
  const good = parts.every((hash, at) => {
    const part = found[at]
    return part !== undefined && sha256(part) === hash
  })
  if (!good) return undefined
  const whole = Buffer.concat(found as Uint8Array[])
  return whole.length === bytes ? whole : undefined
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
