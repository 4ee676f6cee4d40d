import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type AptSource, debianMirror, readDeb822Sources, readOneLineSources } from './apt-sources.ts'

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'
const run = promisify(execFile)

export interface DebianPackages {
  readonly names: readonly string[]
  /** The release that has them, such as `bullseye`. */
  readonly release: string
}

/**
 * Unpacks packages of Debian's into `folder/root` without installing them, with Debian's own tools and keyring. Lists,
 * caches and sources live in `folder`: the state of the machine's apt is neither used nor changed.
 * @param mirror Default: the one among the machine's own apt sources.
 */
export async function unpackDebianPackages(
  { names, release }: DebianPackages,
  folder: string,
  tell: (line: string) => void,
  mirror: string | undefined,
): Promise<string> {
  const source = sourceOf(mirror)
  const key = source.signedBy ?? (existsSync(KEYRING) ? KEYRING : undefined)
  const signed = key === undefined ? '' : `[signed-by=${key}] `
  writeFileSync(join(folder, 'sources.list'), `deb ${signed}${source.uri} ${release} main\n`)
  writeFileSync(join(folder, 'status'), '')
  for (const path of ['state/lists/partial', 'cache/archives/partial'])
    mkdirSync(join(folder, path), { recursive: true })
  const settings = [
    `Dir::State=${join(folder, 'state')}`,
    `Dir::State::lists=${join(folder, 'state', 'lists')}`,
    `Dir::State::status=${join(folder, 'status')}`,
    `Dir::Cache=${join(folder, 'cache')}`,
    `Dir::Etc::sourcelist=${join(folder, 'sources.list')}`,
    'Dir::Etc::sourceparts=-',
    'Acquire::Languages=none',
    'Acquire::Retries=3',
    // Only root can change to apt's own user, and that user may not write here.
    ...(process.getuid?.() === 0 ? ['APT::Sandbox::User=root'] : []),
  ].flatMap((setting) => ['-o', setting])
  const aptGet = (...args: readonly string[]) => call('apt-get', [...settings, ...args], folder)

  tell(`asking ${source.uri} (${release}) for ${names.join(', ')}`)
  // A list that could not be had is a warning to `update`, and a package nobody knows to `download`.
  await aptGet('update', '--error-on=any')
  tell(`downloading ${names.join(', ')}`)
  await aptGet('download', ...names)
  for (const name of names) {
    const archive = readdirSync(folder).find((file) => file.startsWith(`${name}_`) && file.endsWith('.deb'))
    if (archive === undefined) throw new Error(`apt-get download ${name} left no archive in ${folder}`)
    tell(`unpacking ${archive}`)
    await call('dpkg-deb', ['-x', archive, 'root'], folder)
  }
  return join(folder, 'root')
}

function sourceOf(mirror: string | undefined): AptSource {
  const found = debianMirror(machineSources())
  if (mirror !== undefined) return { uri: mirror, suites: [], components: [], signedBy: found?.signedBy }
  if (found === undefined)
    throw new Error(
      "none of /etc/apt's sources is a mirror of Debian's archive (TULLE_DEBIAN_MIRROR names one)",
    )
  return found
}

function machineSources(): AptSource[] {
  const parts = '/etc/apt/sources.list.d'
  const files = [
    '/etc/apt/sources.list',
    ...(existsSync(parts) ? readdirSync(parts).sort() : []).map((file) => join(parts, file)),
  ]
  return files.filter(existsSync).flatMap((file) => {
    if (file.endsWith('.list')) return readOneLineSources(readFileSync(file, 'utf8'))
    return file.endsWith('.sources') ? readDeb822Sources(readFileSync(file, 'utf8')) : []
  })
}

async function call(command: string, args: readonly string[], cwd: string): Promise<void> {
  try {
    await run(command, [...args], { cwd, env: { ...process.env, LC_ALL: 'C' }, maxBuffer: 1 << 24 })
  } catch (error) {
    const { code, stderr = '' } = error as { code?: unknown; stderr?: string }
    const verb = args.find((arg) => /^(?:update|download)$/.test(arg)) ?? ''
    if (code === 'ENOENT') throw new Error(`${command} is not on this machine: it is no Debian`)
    throw new Error(`${command} ${verb} failed (${String(code)}):\n${stderr.trim()}`)
  }
}
