/** What service meta and tags say about an endpoint. Never anything that security rests on. */
type Meta = Readonly<Record<string, string>> | null | undefined
type Tags = readonly string[] | null | undefined

/** As many and as much as Consul itself allows per registration. */
const MAX_PAIRS = 64
const MAX_KEY = 128
const MAX_VALUE = 512
const MAX_LABEL = 128
const MAX_META_WEIGHT = 1000
/** These have fields of their own. */
const OWN = new Set(['protocol', 'version', 'zone', 'weight'])

export function textFrom(meta: Meta, key: string): string | undefined {
  const text = textOf(meta, key)
  return text === undefined || text === '' || text.length > MAX_LABEL ? undefined : text
}

/**
 * Consul's weights are whole numbers. The `weight` of a tulle registration may be finer, and counts where it rounds to
 * what is registered, or where nothing is: an operator who sets Consul's own has the last word.
 */
export function weightFrom(
  weights: { readonly Passing: number; readonly Warning: number } | null | undefined,
  meta: Meta,
  health: 'passing' | 'warning',
): number {
  const { Passing: registered = 1, Warning: warned = 1 } = weights ?? {}
  const fine = Number(textOf(meta, 'weight') ?? Number.NaN)
  const believed =
    fine > 0 && fine <= MAX_META_WEIGHT && (registered === 1 || Math.max(1, Math.round(fine)) === registered)
  const passing = believed ? fine : registered
  // A warning never makes an instance more attractive than it is.
  return health === 'passing' ? passing : Math.min(passing, warned)
}

/** Tags under `tags`, joined by commas. Undefined where there is nothing. */
export function metaOf(meta: Meta, tags: Tags): Readonly<Record<string, string>> | undefined {
  const found: Record<string, string> = Object.create(null)
  let pairs = 0
  const add = (key: string, value: string): void => {
    if (key === '__proto__' || OWN.has(key) || key in found) return
    if (pairs >= MAX_PAIRS || key.length > MAX_KEY || value.length > MAX_VALUE) return
    found[key] = value
    pairs += 1
  }
  for (const key of Object.keys(meta ?? {})) add(key, textOf(meta, key) ?? '')
  if (tags && tags.length > 0) add('tags', tags.join())
  return pairs === 0 ? undefined : Object.freeze(found)
}

export function sameMeta(a: Meta, b: Meta): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  for (const key of keys) if (a[key] !== b[key]) return false
  return true
}

export function sameTags(a: Tags, b: Tags): boolean {
  if (a === b) return true
  if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false
  for (let at = 0; at < a.length; at += 1) if (a[at] !== b[at]) return false
  return true
}

function textOf(meta: Meta, key: string): string | undefined {
  return meta && Object.hasOwn(meta, key) ? meta[key] : undefined
}
