import { type Finding, pass, warn } from './finding.ts'

/** The version kept here against the newest of the plane; undefined: not known. */
export function checkPolicyVersion(
  kept: number | undefined,
  newest: number | undefined,
): Finding | undefined {
  if (kept === undefined && newest === undefined) return undefined
  if (kept === undefined)
    return warn(
      `no policy is kept here; the plane has version ${newest}`,
      'Until the service has run once with a state directory, it cannot start without the plane.',
    )
  if (newest === undefined) return pass(`policy version ${kept} is kept here (the plane's was not asked)`)
  if (kept === newest) return pass(`policy version ${kept} is kept here, the newest of the plane`)
  return warn(
    `policy version ${kept} is kept here, and the plane has version ${newest}`,
    kept < newest
      ? 'Is the service running? `tulle policy status` says whether it refused the newer one, and why.'
      : 'The plane was restored from an older backup: push the policy again, so that its number grows.',
  )
}
