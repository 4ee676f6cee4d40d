import { readCertificate } from '../../identity/certificate.ts'
import { moment, span } from '../when.ts'
import { type Finding, fail, pass, warn } from './finding.ts'

const WEEK_MS = 7 * 86_400_000
/** Leaves are renewed at half of their life: one with less than a quarter left should have been. */
const LATE = 0.25
/** Planes date certificates back by this: it was over before anybody had them, so it is no part of their life. */
const BACKDATED_MS = 5 * 60_000

/**
 * The time left on one level of a chain. Issuers and roots last longer than anybody remembers them, and their end is
 * the end of the mesh: so they are looked at as leaves are, and warned of a week ahead.
 * @param level as it is called in the line: `certificate`, `intermediate`, `root ab12…`
 */
export function checkCertificate(level: string, der: Uint8Array, isLeaf: boolean, wallMs: number): Finding {
  const facts = readCertificate(der)
  if (typeof facts === 'string')
    return fail(
      `the ${level} cannot be read: ${facts}`,
      'Remove the state directory; the service joins again.',
    )
  const { notBeforeMs, notAfterMs } = facts
  const name = facts.uris[0] === undefined ? `the ${level}` : `the ${level} (${facts.uris[0]})`
  if (wallMs < notBeforeMs)
    return fail(
      `${name} is not valid before ${moment(notBeforeMs)}`,
      'Compare the clocks of this machine and of the plane.',
    )
  const left = notAfterMs - wallMs
  if (left <= 0)
    return fail(
      `${name} has expired at ${moment(notAfterMs)}, ${span(-left)} ago`,
      isLeaf
        ? 'It is renewed while the plane is reachable, or got anew with a join token.'
        : 'A new root must be made and spread: tulle ca rotate.',
    )
  const says = `${name} is good for ${span(left)} more, until ${moment(notAfterMs)}`
  const life = notAfterMs - notBeforeMs - BACKDATED_MS
  const tight = left < life * LATE || (!isLeaf && left < WEEK_MS)
  if (!tight) return pass(says)
  return warn(
    says,
    isLeaf
      ? 'It should have been renewed by now: is the service running, and the plane reachable?'
      : 'Replace it before it ends: tulle ca rotate, and tulle ca retire when every certificate is renewed.',
  )
}
