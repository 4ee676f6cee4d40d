import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from './kit/root.ts'

interface Manifest {
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>
  readonly bin: Readonly<Record<string, string>>
}
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest
const node = (...args: string[]) => spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' })

test('every entry point of the package exists, with its types', () => {
  for (const [name, entry] of Object.entries(manifest.exports)) {
    for (const file of typeof entry === 'string' ? [entry] : [entry.types, entry.default])
      assert.ok(existsSync(join(root, file)), `${name}: ${file}`)
  }
})

test('an ES module can import it, and CommonJS code can require it', () => {
  const shown = (run: { stdout: string; stderr: string }) => run.stdout.trim() || run.stderr
  assert.equal(
    shown(
      node('--input-type=module', '-e', "import { createMesh } from 'tulle'; console.log(typeof createMesh)"),
    ),
    'function',
  )
  assert.equal(
    shown(node('--input-type=commonjs', '-e', "console.log(typeof require('tulle').createMesh)")),
    'function',
  )
})

test('the main entry point loads no optional peer', () => {
  const list = `import 'tulle'
import { createRequire } from 'node:module'
const loaded = Object.keys(createRequire(import.meta.url).cache ?? {})
console.log(JSON.stringify(loaded.filter((file) => /node_modules.(express|fastify|@opentelemetry.sdk)/.test(file))))`
  assert.equal(node('--input-type=module', '-e', list).stdout.trim(), '[]')
})

test('the command tells what it can do', () => {
  const { stdout, status } = node(join(root, manifest.bin.tulle!), '--help')
  assert.equal(status, 0)
  for (const command of ['policy', 'config']) assert.match(stdout, new RegExp(`^ +${command}`, 'm'))
})
