import { type Finding, fail, pass, warn } from './finding.ts'

/** An installed copy of a package. */
export interface Copy {
  readonly version: string
  /** Where it lies. */
  readonly path: string
}

const numbers = (version: string): readonly [number, number] => {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return [major, minor]
}
const listed = (copies: readonly Copy[]): string =>
  copies.map(({ version, path }) => `${version} (${path})`).join(', ')

/** @param node the version of Node that runs */
export function checkUndici(copies: readonly Copy[], node: string): Finding {
  if (copies.length === 0)
    return fail('undici is not installed here', 'Run this in the folder of the service, after npm install.')
  const [nodeMajor] = numbers(node.replace(/^v/, ''))
  const newer = copies.filter(({ version }) => numbers(version)[0] >= 8)
  if (newer.length > 0 && nodeMajor < 24)
    return fail(
      `undici ${listed(newer)}: loading it breaks the built-in fetch of Node ${nodeMajor}`,
      'Stay with undici 7 on this Node (nodejs/undici#5500).',
    )
  const older = copies.filter(({ version }) => {
    const [major, minor] = numbers(version)
    return major < 7 || (major === 7 && minor < 28)
  })
  if (older.length === copies.length)
    return fail(`undici ${listed(older)} is older than 7.28`, 'Run: npm install undici@^7.30')
  if (copies.length > 1)
    return warn(
      `there are ${copies.length} copies of undici: ${listed(copies)}`,
      'A dispatcher of one copy may not be understood by another. Run: npm dedupe',
    )
  return pass(`one copy of undici, ${copies[0]?.version}`)
}

export function checkOpenTelemetry(copies: readonly Copy[]): Finding {
  if (copies.length === 0) return pass('@opentelemetry/api is not installed: no spans, no metrics')
  const versions = new Set(copies.map(({ version }) => numbers(version).join('.')))
  const older = copies.filter(({ version }) => {
    const [major, minor] = numbers(version)
    return major < 1 || (major === 1 && minor < 9)
  })
  if (older.length > 0)
    return warn(
      `@opentelemetry/api ${listed(older)} is older than 1.9`,
      'Run: npm install @opentelemetry/api@^1.9',
    )
  if (versions.size > 1)
    return warn(
      `@opentelemetry/api is installed in several versions: ${listed(copies)}`,
      'Code with a newer one finds nothing of a provider that an older one registered, silently. Run: npm dedupe',
    )
  if (copies.length > 1)
    return warn(
      `there are ${copies.length} copies of @opentelemetry/api: ${listed(copies)}`,
      'Run: npm dedupe',
    )
  return pass(`one copy of @opentelemetry/api, ${copies[0]?.version}`)
}
