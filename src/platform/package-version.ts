import { readFileSync } from 'node:fs'

/** The version in our own package.json, found from the compiled place of this file and from its source. */
export function packageVersion(): string {
  for (const up of ['../../package.json', '../../../package.json']) {
    try {
      const text = readFileSync(new URL(up, import.meta.url), 'utf8')
      const { name, version } = JSON.parse(text) as { name?: string; version?: string }
      if (name === 'tulle' && version !== undefined) return version
    } catch {
      // The other place.
    }
  }
  return 'unknown'
}
