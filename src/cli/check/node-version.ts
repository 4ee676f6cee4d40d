import { type Finding, fail, pass } from './finding.ts'

/** The first version in which CommonJS code can `require` an ES module. */
const LEAST = [20, 19] as const

export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number)
  const enough = major > LEAST[0] || (major === LEAST[0] && minor >= LEAST[1])
  return enough
    ? pass(`Node ${version}`)
    : fail(`Node ${version} is too old for tulle`, `Install Node ${LEAST.join('.')} or newer.`)
}
