import { span } from '../when.ts'
import { type Finding, fail, pass, warn } from './finding.ts'

/** Certificates are backdated by five minutes: beyond that fresh ones are refused as not yet valid. */
const FAIL_MS = 5 * 60_000
const WARN_MS = 30_000

/** @param skewMs our clock against the plane's, positive where ours is ahead */
export function checkClock(skewMs: number): Finding {
  const off = Math.abs(skewMs)
  if (off <= WARN_MS) return pass(`the clock agrees with the plane's (within ${span(WARN_MS)})`)
  const says = `the clock of this machine is ${span(off)} ${skewMs > 0 ? 'ahead of' : 'behind'} the plane's`
  return off > FAIL_MS
    ? fail(says, 'Certificates will be taken for expired or not yet valid. Set both clocks by NTP.')
    : warn(says, 'Set both clocks by NTP before it matters: at 5 minutes new certificates are refused.')
}
