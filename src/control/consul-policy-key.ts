import { z } from 'zod'
import { type ConsulAnswer, ConsulRefusal, type ConsulRequest } from '../core/consul.ts'
import { isMeshError, MeshError } from '../core/errors.ts'
import { wordsOf } from '../core/words.ts'
import { keptWords } from './kept-json.ts'
import type { Found } from './last-good.ts'

const SCHEME = 'consul://'
const MAX_DOCUMENTS = 2000

/** Where in Consul's KV store a policy is: one key, or every key below a prefix that ends in `/`. */
export interface PolicyKey {
  /** `tulle/mesh.yaml`, `tulle/policies/`. */
  readonly key: string
  readonly prefix: boolean
}

/** `consul://tulle/mesh.yaml` → where that is; undefined: it names no key. The agent's address is not part of it. */
export function policyKey(text: string): PolicyKey | undefined {
  if (!isConsulPolicy(text)) return undefined
  const key = text.slice(SCHEME.length).replace(/^\/+/, '')
  return key === '' ? undefined : { key, prefix: key.endsWith('/') }
}

/** Whether TULLE_POLICY means the KV store, rightly written or not. */
export function isConsulPolicy(text: string): boolean {
  return text.startsWith(SCHEME)
}

/** How documents from the KV store are called. */
export function documentName(key: string): string {
  return `${SCHEME}${key}`
}

export function policyRequest({ key, prefix }: PolicyKey): ConsulRequest {
  const path = pathOf(key)
  return prefix
    ? { method: 'GET', path, query: { recurse: '' }, mayBeAbsent: true }
    : { method: 'GET', path, query: { raw: '' }, mayBeAbsent: true, expects: 'bytes' }
}

/** Where the agent has one key. Consul unescapes the path as a whole, so that a `%` in a key must be escaped. */
export function pathOf(key: string): string {
  return `/v1/kv/${key.split('/').map(encodeURIComponent).join('/')}`
}

const listing = z
  .array(z.looseObject({ Key: z.string().min(1), Value: z.string().nullable() }), {
    error: 'no list of keys',
  })
  .max(MAX_DOCUMENTS, { error: `more than ${MAX_DOCUMENTS} keys` })

/**
 * The documents of an answer, by name; empty: there is no such key. Keys that end in `/` are what Consul's user
 * interface makes for folders. Throws TULLE_CONSUL for what is no answer to `policyRequest`.
 */
export function documentsIn({ key, prefix }: PolicyKey, answer: ConsulAnswer): ReadonlyMap<string, Found> {
  if (answer.status === 404) return new Map()
  if (!prefix) {
    if (!(answer.body instanceof Uint8Array)) throw nonsense(key, 'no bytes')
    return new Map([[documentName(key), answer.body]])
  }
  const { data, error } = listing.safeParse(answer.body)
  if (data === undefined) throw nonsense(key, error?.issues[0]?.message ?? 'no list of keys')
  const documents = new Map<string, Found>()
  for (const { Key, Value } of data)
    if (!Key.endsWith('/')) documents.set(documentName(Key), Buffer.from(Value ?? '', 'base64'))
  return documents
}

function nonsense(key: string, what: string): MeshError {
  return new MeshError('TULLE_CONSUL', `the agent answered ${what} for the key ${key}`, { layer: 'policy' })
}

/** The ACL rule that reading needs. */
export function ruleFor({ key, prefix }: PolicyKey): string {
  return `${prefix ? 'key_prefix' : 'key'} "${key}" { policy = "read" }`
}

/** What to do about an agent that will not tell a policy; undefined: nothing to do with rights. */
export function hintFor(from: PolicyKey, error: unknown): string | undefined {
  if (!(error instanceof ConsulRefusal) || error.status !== 403) return undefined
  return `The ACL token needs: ${ruleFor(from)}`
}

/**
 * Why there is nothing to begin with: TULLE_POLICY where the key is not there, else TULLE_CONSUL.
 * `keptProblem`: why what an earlier run kept is of no use; undefined: it kept nothing.
 */
export function noStart(
  from: PolicyKey,
  address: string,
  error: unknown,
  keptProblem: string | undefined,
): MeshError {
  const known = isMeshError(error) ? error : undefined
  const why = wordsOf(error)
  const message = `no policy: ${documentName(from.key)} at ${address}: ${why}; ${keptWords(keptProblem)}`
  return new MeshError(known?.code === 'TULLE_POLICY' ? 'TULLE_POLICY' : 'TULLE_CONSUL', message, {
    layer: 'policy',
    cause: error,
    hint: hintFor(from, error) ?? known?.hint,
  })
}
