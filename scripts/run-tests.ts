/**
 * Runs the compiled tests: `node dist/scripts/run-tests.js [--match text]`.
 * Lists the files itself, because the patterns `node --test` accepts differ between Node 20 and its successors.
 */
import { spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { consulBinary } from './consul.ts'

const dist = dirname(dirname(fileURLToPath(import.meta.url)))
const match = process.argv.includes('--match')
  ? (process.argv[process.argv.indexOf('--match') + 1] ?? '')
  : ''
const files = readdirSync(join(dist, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.js') && name.includes(match))
  // a compiled file whose source is gone is left over from an earlier build
  .filter((name) => existsSync(join(dirname(dist), 'test', name.replace(/\.js$/, '.ts'))))
  .sort()
  .map((name) => join(dist, 'test', name))

if (files.length === 0) {
  process.stderr.write(`no compiled test matches "${match}"; run: npm run build:all\n`)
  process.exit(1)
}

const consul = await consulBinary().catch((error: Error) => {
  // Never a skip: a suite that ran without Consul would say nothing about it.
  process.stderr.write(`the tests need Consul: ${error.message}\n`)
  process.exit(1)
})

const node = process.env.TULLE_TEST_NODE ?? process.execPath
const child = spawn(node, ['--test', '--test-concurrency=2', ...files], {
  stdio: 'inherit',
  env: { ...process.env, CONSUL_BIN: consul.path },
})
child.on('exit', (code, signal) => {
  process.exitCode = signal === null ? (code ?? 1) : 1
})
