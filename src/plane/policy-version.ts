import { createHash } from 'node:crypto'
import { z } from 'zod'

const document = z.object({ name: z.string(), text: z.string() })

const policyVersion = z.object({
  /** Only grows, also where an old content is rolled back to. 0: there was never a policy. */
  sequence: z.int().min(0),
  /** SHA-256 of names and texts, hexadecimal: two versions with one hash say the same. */
  hash: z.string(),
  author: z.string(),
  /** Wall-clock milliseconds. */
  at: z.number(),
  message: z.string(),
  /** The version whose content this one repeats. */
  rollbackTo: z.int().min(1).optional(),
  documents: z.array(document),
})
export type PolicyVersion = z.infer<typeof policyVersion>

/** A version without its documents, for lists. */
export type PolicyVersionHead = Omit<PolicyVersion, 'documents'> & { readonly documents: readonly string[] }

export const NO_POLICY: PolicyVersion = {
  sequence: 0,
  hash: hashOf(new Map()),
  author: '',
  at: 0,
  message: '',
  documents: [],
}

export function hashOf(texts: ReadonlyMap<string, string>): string {
  const hash = createHash('sha256')
  for (const [name, text] of [...texts].sort(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`${Buffer.byteLength(name)}:${name}${Buffer.byteLength(text)}:${text}`)
  return hash.digest('hex')
}

/** Throws where the bytes are no version, or not the one they claim to be. */
export function readVersion(bytes: Uint8Array, sequence: number): PolicyVersion {
  const version = policyVersion.parse(JSON.parse(new TextDecoder().decode(bytes)))
  const { hash } = version
  if (version.sequence !== sequence || hash !== hashOf(textsOf(version)))
    throw new TypeError('its content does not match its sequence and hash')
  return version
}

export function textsOf({ documents }: Pick<PolicyVersion, 'documents'>): Map<string, string> {
  return new Map(documents.map(({ name, text }) => [name, text]))
}

export function headOf({ documents, ...version }: PolicyVersion): PolicyVersionHead {
  return { ...version, documents: documents.map(({ name }) => name) }
}
