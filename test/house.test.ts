import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

/** The root of the project, from the compiled place of this file as well as from its source. */
function findRoot(from: string): string {
  return readdirSync(from).includes('package-lock.json') ? from : findRoot(dirname(from))
}
const root = findRoot(dirname(fileURLToPath(import.meta.url)))
const src = join(root, 'src')
const sources = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => name.replaceAll('\\', '/'))
  .sort()

const INNER = ['core', 'policy', 'balance', 'resilience', 'traffic', 'security', 'endpoints']
const EDGES = ['discovery', 'identity', 'control', 'telemetry', 'http', 'grpc', 'server']

/** The assembly: what knows all the rooms. One outward line through it, checked by the test on cycles. */
const ASSEMBLY = [
  'lifecycle.ts',
  'addresses.ts',
  'deferred-identity.ts',
  'deferred-intentions.ts',
  'member.ts',
  'member-parts.ts',
  'member-plane.ts',
  'member-consul.ts',
  'consul-mesh.ts',
  'side-by-side.ts',
  'newcomers.ts',
  'policies.ts',
  'report.ts',
  'health.ts',
  'health-port.ts',
  'runtime.ts',
  'transports.ts',
  'assembly.ts',
  'mesh.ts',
  'index.ts',
]

/** Which rooms a room may import, itself always included. Files directly in src/ are rooms of their own. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  core: [],
  platform: ['core'],
  policy: ['core'],
  balance: ['core'],
  resilience: ['core'],
  traffic: ['core'],
  security: ['core'],
  endpoints: ['core', 'policy', 'balance', 'resilience', 'traffic', 'security'],
  ...Object.fromEntries(EDGES.map((room) => [room, ['core', 'policy']])),
  'stack.ts': [...INNER, 'telemetry'],
  'telemetry.ts': ['telemetry', 'platform'],
  'setting.ts': ['core'],
  'member-settings.ts': ['core', 'setting.ts'],
  'consul-settings.ts': ['core', 'setting.ts'],
  'settings.ts': ['core', 'policy', 'setting.ts', 'member-settings.ts', 'consul-settings.ts'],
  'policy-document.ts': INNER,
  'config.ts': ['core', 'policy', 'setting.ts', 'settings.ts', 'consul-settings.ts', 'policy-document.ts'],
  ...Object.fromEntries(
    ASSEMBLY.map((file) => [
      file,
      [
        ...INNER,
        ...EDGES,
        'platform',
        'stack.ts',
        'settings.ts',
        'config.ts',
        'policy-document.ts',
        ...ASSEMBLY,
      ],
    ]),
  ),
  plane: ['core', 'policy', 'stack.ts', 'identity'],
  // The assembly of the plane, a program of its own: brings it clock, YAML reader and logger.
  'plane.ts': [
    'core',
    'policy',
    'stack.ts',
    'identity',
    'plane',
    'platform',
    'control',
    'telemetry',
    'consul-plane.ts',
  ],
  // The same for a plane that keeps its state in Consul.
  'consul-plane.ts': ['core', 'policy', 'stack.ts', 'identity', 'plane', 'platform', 'control', 'telemetry'],
  testing: ['core', 'platform', 'index.ts', 'plane.ts'],
  'register.ts': ['index.ts', 'core'],
  cli: [
    'index.ts',
    'plane',
    'plane.ts',
    'identity',
    'core',
    'policy',
    'control',
    'platform',
    'settings.ts',
    'config.ts',
    'stack.ts',
    'mesh.ts',
    'testing',
  ],
}

/** Packages the inner ring may import, and the named exceptions. */
const INNER_PACKAGES = ['zod']
const NAMED_EXCEPTIONS: Readonly<Record<string, readonly string[]>> = {
  'resilience/opossum.ts': ['opossum'],
}
/** Optional peers and what is heavy to load, and the only files that may load them. */
const OPTIONAL_PEERS: Readonly<Record<string, RegExp>> = {
  express: /^server\/express\.ts$/,
  fastify: /^server\/fastify\.ts$|^plane\//,
  '@opentelemetry/sdk-metrics': /^telemetry\/metric-producer\.ts$/,
  '@opentelemetry/sdk-trace-node': /^telemetry\/start\.ts$|^register\.ts$/,
  '@grpc/grpc-js': /^grpc\//,
}

interface Import {
  readonly target: string
  readonly typeOnly: boolean
  readonly line: number
}

function importsOf(file: string): Import[] {
  const source = ts.createSourceFile(
    file,
    readFileSync(join(src, file), 'utf8'),
    ts.ScriptTarget.ES2023,
    true,
  )
  const found: Import[] = []
  const add = (specifier: ts.Expression, typeOnly: boolean): void => {
    if (!ts.isStringLiteral(specifier)) return
    const { line } = source.getLineAndCharacterOfPosition(specifier.getStart())
    found.push({ target: specifier.text, typeOnly, line: line + 1 })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, node.importClause?.isTypeOnly ?? false)
    if (ts.isExportDeclaration(node) && node.moduleSpecifier) add(node.moduleSpecifier, node.isTypeOnly)
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node.arguments[0]!, false)
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

const roomOf = (file: string): string => (file.includes('/') ? file.slice(0, file.indexOf('/')) : file)
const resolved = (file: string, target: string): string =>
  relative(src, join(src, dirname(file), target)).replaceAll('\\', '/')

test('every room imports only the rooms below it', () => {
  const offences: string[] = []
  for (const file of sources) {
    const room = roomOf(file)
    const allowed = ALLOWED[room]
    assert.ok(allowed, `src/${file}: the room "${room}" is not in the rules of test/house.test.ts`)
    for (const { target, line } of importsOf(file)) {
      if (!target.startsWith('.')) continue
      const other = roomOf(resolved(file, target))
      if (other !== room && !allowed.includes(other))
        offences.push(`src/${file}:${line} imports ${target}: ${room} may not know ${other}`)
    }
  }
  assert.deepEqual(offences, [])
})

test('the inner ring imports no node: module and no package but the schema library', () => {
  const offences: string[] = []
  for (const file of sources.filter((name) => INNER.includes(roomOf(name)))) {
    const packages = [...INNER_PACKAGES, ...(NAMED_EXCEPTIONS[file] ?? [])]
    for (const { target, line } of importsOf(file)) {
      if (!target.startsWith('.') && !packages.includes(target))
        offences.push(`src/${file}:${line} imports ${target}`)
    }
  }
  assert.deepEqual(offences, [])
})

test('optional peers are loaded only by their own entry points', () => {
  const offences: string[] = []
  for (const file of sources) {
    for (const { target, typeOnly, line } of importsOf(file)) {
      const home = OPTIONAL_PEERS[target]
      if (home !== undefined && !typeOnly && !home.test(file))
        offences.push(`src/${file}:${line} loads ${target}`)
    }
  }
  assert.deepEqual(offences, [])
})

test('no import cycles', () => {
  const graph = new Map(
    sources.map((file) => [
      file,
      importsOf(file)
        .filter(({ target, typeOnly }) => target.startsWith('.') && !typeOnly)
        .map(({ target }) => resolved(file, target)),
    ]),
  )
  const done = new Set<string>()
  const cycles: string[] = []
  const walk = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(' → '))
    if (done.has(file) || path.includes(file)) return
    for (const next of graph.get(file) ?? []) walk(next, [...path, file])
    done.add(file)
  }
  for (const file of sources) walk(file, [])
  assert.deepEqual(cycles, [])
})

test('layers never look inside the wire', () => {
  const layers = sources.filter((name) =>
    ['resilience', 'endpoints', 'traffic', 'security', 'balance'].includes(roomOf(name)),
  )
  const offences = layers.filter((file) => /\.wire\b/.test(readFileSync(join(src, file), 'utf8')))
  assert.deepEqual(offences, [])
})

test('time, chance, environment and async context stay with their owners', () => {
  const owners: readonly (readonly [RegExp, RegExp])[] = [
    [/\bMath\.random\b/, /^platform\//],
    [/\bAsyncLocalStorage\b/, /^platform\//],
    [/\bprocess\.env\b/, /^config\.ts$|^telemetry\/start\.ts$|^cli\//],
    [/\bDate\.now\b|\bnew Date\b|\bsetTimeout\(|\bsetInterval\(|\bperformance\.now\b/, /^platform\/|^cli\//],
  ]
  const offences: string[] = []
  for (const file of sources) {
    const text = readFileSync(join(src, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
    for (const [pattern, owner] of owners) {
      if (pattern.test(text) && !owner.test(file)) offences.push(`src/${file}: ${pattern}`)
    }
  }
  assert.deepEqual(offences, [])
})

test('no file grows past 300 lines', () => {
  const long = sources
    .map((file) => [file, readFileSync(join(src, file), 'utf8').split('\n').length] as const)
    .filter(([, lines]) => lines > 300)
    .map(([file, lines]) => `src/${file}: ${lines} lines; is it two ideas?`)
  assert.deepEqual(long, [])
})
