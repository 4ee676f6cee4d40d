/**
 * Programs of Debian's that are run without being installed: `node dist/scripts/debian-program.js haproxy` prints where one
 * is. It is the one its variable names (`HAPROXY_BIN`, `NGINX_BIN`), else Debian bookworm's package with the libraries
 * it needs, unpacked into the cache on first use.
 */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { argv } from 'node:process'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { unpackDebianPackages } from './debian-package.ts'

const RELEASE = 'bookworm'
const ATTEMPTS = 3

export interface DebianProgram {
  readonly name: string
  /** The package of the program first, then those of libraries that not every machine has. */
  readonly packages: readonly string[]
  /** Below the root that the packages unpack to. */
  readonly binary: string
  /** Names a binary of one's own. */
  readonly variable: string
  readonly version: RegExp
}

export const HAPROXY: DebianProgram = {
  name: 'haproxy',
  packages: ['haproxy', 'liblua5.3-0', 'libopentracing-c-wrapper0', 'libopentracing1', 'libssl3'],
  binary: 'usr/sbin/haproxy',
  variable: 'HAPROXY_BIN',
  version: /HAProxy version (\S+)/i,
}
export const NGINX: DebianProgram = {
  name: 'nginx',
  packages: ['nginx', 'libssl3'],
  binary: 'usr/sbin/nginx',
  variable: 'NGINX_BIN',
  version: /nginx version: (\S+)/,
}

export interface FoundProgram {
  readonly path: string
  /** What it must be started with: where its libraries are. */
  readonly env: Readonly<Record<string, string>>
  /** Such as `haproxy 2.6.12`. */
  readonly version: string
}

export interface ProgramLookup {
  /** Reads the program's variable, `TULLE_CACHE`, `XDG_CACHE_HOME`, `TULLE_DEBIAN_MIRROR`; default the process's own. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Fills `folder` with what the packages contain, and returns that root; default: from Debian's archive. */
  readonly fetch?: (folder: string) => Promise<string>
  /** Default: lines on stderr. */
  readonly tell?: (line: string) => void
}

/** @throws Error what was tried, why it failed and what to do. */
export async function debianProgram(
  program: DebianProgram,
  lookup: ProgramLookup = {},
): Promise<FoundProgram> {
  const { env = process.env, tell = (line) => process.stderr.write(`${program.name}: ${line}\n`) } = lookup
  const named = env[program.variable]
  if (named !== undefined && named !== '') {
    const found = await look(program, named, {})
    if (found instanceof Error) throw new Error(`${program.variable}=${named} does not run: ${found.message}`)
    return found
  }
  const cache = env.TULLE_CACHE || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'tulle')
  const root = join(cache, `${program.name}-${RELEASE}`)
  if (existsSync(root)) {
    const cached = await lookIn(program, root)
    if (!(cached instanceof Error)) return cached
    rmSync(root, { recursive: true, force: true })
  }
  const fetch =
    lookup.fetch ??
    ((folder) =>
      unpackDebianPackages(
        { names: program.packages, release: RELEASE },
        folder,
        tell,
        env.TULLE_DEBIAN_MIRROR,
      ))
  try {
    await fill(root, fetch, tell)
    const found = await lookIn(program, root)
    if (found instanceof Error) throw found
    return found
  } catch (error) {
    throw new Error(
      `${program.name} is not to be had (tried: ${program.variable}, which is not set; ${root}; Debian ${RELEASE}'s ` +
        `packages ${program.packages.join(', ')}): ${(error as Error).message}\n` +
        `Set ${program.variable}=/path/to/${program.name} to a binary of your own, or TULLE_DEBIAN_MIRROR to another mirror.`,
      { cause: error },
    )
  }
}

/** Whoever is first puts it there; others that fetched at the same time use what they find. */
async function fill(
  root: string,
  fetch: (folder: string) => Promise<string>,
  tell: (line: string) => void,
): Promise<void> {
  mkdirSync(dirname(root), { recursive: true })
  for (let attempt = 1; ; attempt++) {
    const folder = mkdtempSync(join(dirname(root), 'fetch-'))
    try {
      const unpacked = await fetch(folder)
      if (!existsSync(root)) renameSync(unpacked, root)
      tell(`kept at ${root}`)
      return
    } catch (error) {
      if (attempt === ATTEMPTS) throw error
      tell(`attempt ${attempt} of ${ATTEMPTS} failed: ${(error as Error).message}`)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
}

function lookIn(program: DebianProgram, root: string): Promise<FoundProgram | Error> {
  const machine = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu'
  const folders = [join(root, 'usr', 'lib', machine), join(root, 'lib', machine)]
  return look(program, join(root, program.binary), { LD_LIBRARY_PATH: folders.join(':') })
}

async function look(
  { name, version }: DebianProgram,
  path: string,
  env: Readonly<Record<string, string>>,
): Promise<FoundProgram | Error> {
  try {
    const { stdout, stderr } = await promisify(execFile)(path, ['-v'], { env: { ...process.env, ...env } })
    const [, found] = version.exec(stdout + stderr) ?? []
    if (found === undefined)
      return new Error(`it is no ${name}, it says ${JSON.stringify((stdout + stderr).slice(0, 80))}`)
    return { path, env, version: found.startsWith(name) ? found : `${name} ${found}` }
  } catch (error) {
    return error as Error
  }
}

if (import.meta.url === pathToFileURL(argv[1] ?? '').href) {
  const program = [HAPROXY, NGINX].find(({ name }) => name === argv[2])
  if (program === undefined) {
    process.stderr.write('debian-program: haproxy or nginx\n')
    process.exitCode = 2
  } else
    debianProgram(program).then(
      ({ path }) => process.stdout.write(`${path}\n`),
      (error: Error) => {
        process.stderr.write(`${error.message}\n`)
        process.exitCode = 1
      },
    )
}
