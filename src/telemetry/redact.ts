/** Query parameters that are keys to something, lower case: the convention's list, and its successors at the same clouds. */
const SECRET = new Set([
  'awsaccesskeyid',
  'signature',
  'sig',
  'x-goog-signature',
  'x-goog-credential',
  'x-amz-signature',
  'x-amz-credential',
  'x-amz-security-token',
])
const REDACTED = 'REDACTED'
/** What a URL has that has a user name, a fragment, an escape or one of those names; most have nothing of it. */
const SUSPECT = /[#@%]|sig|awsaccesskeyid|x-amz-|x-goog-/i

/**
 * A URL as a span may show it: user name and password, and the values of signing parameters, replaced. Everything
 * else, escapes included, stays as it was written; the fragment is never sent, so it is not shown.
 */
export function redactUrl(url: string): string {
  if (!SUSPECT.test(url)) return url
  const hash = url.indexOf('#')
  const whole = hash === -1 ? url : url.slice(0, hash)
  const query = whole.indexOf('?')
  if (query === -1) return withoutUserinfo(whole)
  return `${withoutUserinfo(whole.slice(0, query))}?${whole
    .slice(query + 1)
    .split('&')
    .map(pair)
    .join('&')}`
}

function pair(text: string): string {
  const equals = text.indexOf('=')
  return equals !== -1 && SECRET.has(decoded(text.slice(0, equals)).toLowerCase())
    ? `${text.slice(0, equals)}=${REDACTED}`
    : text
}

/** A server reads `%73ig` as `sig`. */
function decoded(name: string): string {
  if (!name.includes('%')) return name
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}

function withoutUserinfo(url: string): string {
  const start = url.indexOf('//')
  if (start === -1) return url
  const slash = url.indexOf('/', start + 2)
  const end = slash === -1 ? url.length : slash
  const at = url.lastIndexOf('@', end - 1)
  if (at < start + 2) return url
  const secret = url.slice(start + 2, at).includes(':') ? `${REDACTED}:${REDACTED}` : REDACTED
  return `${url.slice(0, start + 2)}${secret}${url.slice(at)}`
}
