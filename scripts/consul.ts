/**
 * Finds Consul, or fetches it: `node dist/scripts/consul.js` prints the path of a binary that runs here. The binary is
 * the one `CONSUL_BIN` names, else Debian bullseye's package, unpacked into the cache on first use. One on PATH is left
 * alone, so that every machine runs the same version unless told otherwise.
 */
import { execFile } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { argv } from 'node:process'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { unpackDebianPackages } from './debian-package.ts'

const VERSION = '1.8.7'
const PACKAGE = { names: ['consul'], release: 'bullseye' }
const ATTEMPTS = 3

export interface ConsulBinary {
  readonly path: string
  /** Such as `1.8.7`. */
  readonly version: string
}

export interface ConsulLookup {
  /** Reads `CONSUL_BIN`, `TULLE_CACHE`, `XDG_CACHE_HOME`, `TULLE_DEBIAN_MIRROR`; default the process's own. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Puts Consul at `binary`; default: from Debian's archive. */
  readonly fetch?: (binary: string) => Promise<void>
  /** Default: lines on stderr. */
  readonly tell?: (line: string) => void
}

/** `$TULLE_CACHE`, else `tulle` in the user's cache folder; in it one folder per version. */
export function consulCache(env: ConsulLookup['env'] = process.env): string {
  const cache = env.TULLE_CACHE || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'tulle')
  return join(cache, `consul-${VERSION}`)
}

/** @throws Error what was tried, why it failed and what to do. */
export async function consulBinary(lookup: ConsulLookup = {}): Promise<ConsulBinary> {
  const { env = process.env, tell = (line) => process.stderr.write(`consul: ${line}\n`) } = lookup
  const named = env.CONSUL_BIN
  if (named !== undefined && named !== '') {
    const version = await versionOf(named)
    if (version instanceof Error)
      throw new Error(
        `CONSUL_BIN=${named} does not run: ${version.message}; name a Consul binary or unset it`,
      )
    return { path: named, version }
  }
  const path = join(consulCache(env), 'consul')
  const cached = existsSync(path) ? await versionOf(path) : undefined
  if (typeof cached === 'string') return { path, version: cached }
  const fetch = lookup.fetch ?? ((binary) => fetchConsul(binary, tell, env.TULLE_DEBIAN_MIRROR))
  await fill(path, fetch, tell)
  const version = await versionOf(path)
  if (version instanceof Error) throw lost(`the binary fetched to ${path} does not run`, version)
  return { path, version }
}

/** Whoever is first puts it there; others that fetched at the same time use what they find. */
async function fill(
  path: string,
  fetch: (binary: string) => Promise<void>,
  tell: (line: string) => void,
): Promise<void> {
  const cache = dirname(path)
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'fetch-'))
  try {
    for (let attempt = 1; ; attempt++)
      try {
        await fetch(join(folder, 'consul'))
        break
      } catch (error) {
        if (attempt === ATTEMPTS)
          throw lost(`Consul ${VERSION} could not be fetched to ${path}`, error as Error)
        tell(`attempt ${attempt} of ${ATTEMPTS} failed: ${(error as Error).message}`)
      }
    chmodSync(join(folder, 'consul'), 0o755)
    renameSync(join(folder, 'consul'), path)
    tell(`kept at ${path}`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function fetchConsul(
  binary: string,
  tell: (line: string) => void,
  mirror: string | undefined,
): Promise<void> {
  const folder = mkdtempSync(join(dirname(binary), 'package-'))
  const unpacked = await unpackDebianPackages(PACKAGE, folder, tell, mirror)
  copyFileSync(join(unpacked, 'usr', 'bin', 'consul'), binary)
}

function lost(what: string, cause: Error): Error {
  return new Error(
    `${what} (tried: CONSUL_BIN, which is not set; the cache; Debian ${PACKAGE.release}'s package ` +
      `"${PACKAGE.names[0]}"): ${cause.message}\nSet CONSUL_BIN=/path/to/consul to a binary of your own, or TULLE_DEBIAN_MIRROR to another mirror.`,
    { cause },
  )
}

async function versionOf(path: string): Promise<string | Error> {
  try {
    const { stdout } = await promisify(execFile)(path, ['version'])
    const [, version] = /^Consul v(\S+)/.exec(stdout) ?? []
    return version ?? new Error(`it is no Consul, its version says ${JSON.stringify(stdout.slice(0, 80))}`)
  } catch (error) {
    return error as Error
  }
}

if (import.meta.url === pathToFileURL(argv[1] ?? '').href)
  consulBinary().then(
    ({ path }) => process.stdout.write(`${path}\n`),
    (error: Error) => {
      process.stderr.write(`${error.message}\n`)
      process.exitCode = 1
    },
  )
