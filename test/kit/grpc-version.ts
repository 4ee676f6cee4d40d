import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { siblingOf } from './process.ts'
import { root } from './root.ts'

export interface GrpcVersion {
  /** As the package says it. */
  readonly version: string
  /** What a Node process is started with so that `@grpc/grpc-js` is this one. */
  readonly nodeArgs: readonly string[]
}

const versionOf = (folder: string): string =>
  JSON.parse(readFileSync(join(root, 'node_modules', folder, 'package.json'), 'utf8')).version

/** Both ends of the supported range. */
export const GRPC_VERSIONS: readonly GrpcVersion[] = [
  {
    version: versionOf('grpc-js-oldest'),
    nodeArgs: ['--import', pathToFileURL(siblingOf(import.meta.url, './grpc/oldest')).href],
  },
  { version: versionOf('@grpc/grpc-js'), nodeArgs: [] },
]

export interface RanTests {
  readonly code: number | null
  readonly output: string
}

/** Runs a file of tests in a process of its own that has `@grpc/grpc-js` in this version. */
export async function runWith(
  { version, nodeArgs }: GrpcVersion,
  file: string,
  env: Readonly<Record<string, string>> = {},
): Promise<RanTests> {
  const child = spawn(process.execPath, [...nodeArgs, '--test-reporter=spec', file], {
    // Bare: the variables of the test runner around us would make the child report to it.
    env: { PATH: process.env.PATH ?? '', EXPECTED_GRPC_JS: version, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, output }
}
