import { span } from '../when.ts'
import { type Finding, pass, warn } from './finding.ts'

/** Bans and new roots come with the bundle: a day without a word of it is long. */
const OLD_MS = 86_400_000

/** @param confirmedMs when the plane last said that the bundle is as it is, wall-clock milliseconds */
export function checkTrustAge(confirmedMs: number, roots: number, wallMs: number): Finding {
  const age = Math.max(0, wallMs - confirmedMs)
  const says = `the trust bundle (${roots} ${roots === 1 ? 'root' : 'roots'}) was confirmed by the plane ${span(age)} ago`
  return age < OLD_MS
    ? pass(says)
    : warn(
        says,
        'Bans and new roots are not known here since. Is the service running, and the plane reachable?',
      )
}
