/**
 * `npm run test:matrix [20 22 …]`: the compiled tests on every supported Node, each from its npm package, kept in
 * `.cache/nodes/<major>`. Prints a table; exits with 1 if any of them failed or could not be had.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const MAJORS = ['20', '22', '24', '26']
const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

interface Row {
  readonly node: string
  readonly tests: string
  readonly passed: string
  readonly failed: string
  readonly seconds: string
  readonly result: string
}

/** The binary's own word, or undefined where there is no binary that runs here. */
function versionOf(binary: string): string | undefined {
  if (!existsSync(binary)) return undefined
  const run = spawnSync(binary, ['--version'], { encoding: 'utf8' })
  return run.status === 0 ? run.stdout.trim() : undefined
}

function install(folder: string, spec: string): void {
  // Without scripts: the `node` package fetches its binary in one, which many machines switch off or have no way for.
  const run = spawnSync(
    process.platform === 'win32' ? 'npm.cmd' : 'npm',
    [
      'install',
      '--prefix',
      folder,
      '--no-save',
      '--no-package-lock',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      spec,
    ],
    { encoding: 'utf8', shell: process.platform === 'win32' },
  )
  if (run.status !== 0) throw new Error(`npm install ${spec} failed:\n${run.stderr || run.stdout}`)
}

/** The package that holds the binary of this platform: what the `node` package's own install script asks for. */
function platformPackage(): string {
  const prefix = process.platform === 'darwin' && process.arch === 'arm64' ? 'node-bin' : 'node'
  const platform = process.platform === 'win32' ? 'win' : process.platform
  return `${prefix}-${platform}-${process.arch}`
}

/** The path of a Node of this major version, installed on first use. */
function nodeOf(major: string): string {
  const folder = join(root, '.cache', 'nodes', major)
  const executable = process.platform === 'win32' ? 'node.exe' : 'node'
  const holder = platformPackage()
  const binary = join(folder, 'node_modules', holder, 'bin', executable)
  if (versionOf(binary)?.startsWith(`v${major}.`) !== true) {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{"private":true}\n')
    install(folder, `node@${major}`)
    const described = join(folder, 'node_modules', 'node', 'package.json')
    const { version } = JSON.parse(readFileSync(described, 'utf8')) as { version: string }
    install(folder, `${holder}@${version}`)
  }
  const version = versionOf(binary)
  if (version === undefined)
    throw new Error(`${holder} brought no binary that runs here (looked for ${binary})`)
  const [, minor = 0] = version.slice(1).split('.').map(Number)
  if (major === '20' && minor < 19) throw new Error(`${version} is older than the supported 20.19`)
  return binary
}

async function runTests(binary: string): Promise<{ code: number; output: string }> {
  const child = spawn(process.execPath, [join(root, 'dist', 'scripts', 'run-tests.js')], {
    cwd: root,
    env: { ...process.env, TULLE_TEST_NODE: binary },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  const code = await new Promise<number>((resolve) => child.on('close', (status) => resolve(status ?? 1)))
  return { code, output }
}

const figure = (output: string, name: string): string =>
  new RegExp(`^(?:#|ℹ) ${name} (\\d+)`, 'm').exec(output)?.[1] ?? '?'

async function rowOf(major: string): Promise<Row> {
  const blank = { tests: '-', passed: '-', failed: '-', seconds: '-' }
  let binary: string
  try {
    binary = nodeOf(major)
  } catch (error) {
    return { node: major, ...blank, result: `not to be had: ${(error as Error).message}` }
  }
  const started = performance.now()
  const { code, output } = await runTests(binary)
  if (code !== 0) process.stdout.write(`\n--- Node ${major} ---\n${output}\n`)
  return {
    node: versionOf(binary) ?? major,
    tests: figure(output, 'tests'),
    passed: figure(output, 'pass'),
    failed: figure(output, 'fail'),
    seconds: ((performance.now() - started) / 1000).toFixed(1),
    result: code === 0 ? 'ok' : 'FAILED',
  }
}

const asked = process.argv.slice(2)
const rows: Row[] = []
for (const major of asked.length > 0 ? asked : MAJORS) {
  process.stdout.write(`Node ${major} …\n`)
  rows.push(await rowOf(major))
}
const line = (row: Row): string =>
  `${row.node.padEnd(10)} ${row.tests.padStart(6)} ${row.passed.padStart(6)} ${row.failed.padStart(6)} ${row.seconds.padStart(8)}  ${row.result}\n`
process.stdout.write(
  line({
    node: 'node',
    tests: 'tests',
    passed: 'passed',
    failed: 'failed',
    seconds: 'seconds',
    result: 'result',
  }),
)
for (const row of rows) process.stdout.write(line(row))
process.exitCode = rows.every(({ result }) => result === 'ok') ? 0 : 1
