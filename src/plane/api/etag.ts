/** The longest a long poll is kept, in seconds. */
const MAX_WAIT_S = 60

/** RFC 7240: `Prefer: wait=30`, in milliseconds; 0: the asker does not wait. */
export function waitOf(prefer: string | string[] | undefined): number {
  const text = Array.isArray(prefer) ? prefer.join(',') : (prefer ?? '')
  const [, seconds] = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,6})/i.exec(text) ?? []
  return Math.min(Number(seconds ?? 0), MAX_WAIT_S) * 1000
}

/** RFC 9110, 13.1.2: whether `If-None-Match` names this tag. */
export function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false
  return ifNoneMatch.split(',').some((one) => one.trim().replace(/^W\//, '') === `"${etag}"`)
}
