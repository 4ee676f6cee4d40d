import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Metadata, status } from '@grpc/grpc-js'
import { classify } from '../../src/grpc/classify.ts'
import { client } from '../../src/grpc/index.ts'
import { createMesh } from '../../src/index.ts'
import { refusingAddress } from '../../src/testing/index.ts'
import { closing, observe } from '../kit/grpc/observe.ts'
import { Pricing } from '../kit/grpc/pricing.ts'
import { root } from '../kit/root.ts'
import { until } from '../kit/wait.ts'

const page = readFileSync(join(root, 'docs/grpc.md'), 'utf8')
const blocks = (language: string): string[] =>
  [...page.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, text]) => text ?? '')
const block = (having: string): string =>
  blocks('js').find((text) => text.includes(having)) ??
  assert.fail(`docs/grpc.md has no block with ${having}`)

/** Runs code as if it stood beside the examples' `proto.js`; resolves with what it printed once that matches. */
async function printed(t: TestContext, code: string, until_: RegExp): Promise<RegExpExecArray> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    cwd: join(root, 'examples/grpc'),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  const found = (): RegExpExecArray | null => until_.exec(text)
  await until(() => found() !== null, { what: String(until_), seen: () => text })
  return found() as RegExpExecArray
}

test('what is printed under “Five lines” runs: a server, a client, and nice-grpc on the same mesh', async (t) => {
  const listens = 'await serve(mesh, server, { port: 5001 })'
  const serving = block(listens).replace(
    listens,
    "const { port } = await serve(mesh, server, { host: '127.0.0.1' })\nconsole.log('listens on', port)",
  )
  const [, port] = await printed(t, serving, /^listens on (\d+)$/m)
  const addresses = "['127.0.0.1:5001', '127.0.0.1:5002']"
  assert.ok(block('client(mesh, Pricing').includes(addresses))
  const calling = block('client(mesh, Pricing').replace(addresses, `'127.0.0.1:${port}'`)
  await printed(t, `${calling}\n${block('nice-grpc')}`, /^250\n250$/m)
})

test('the functions of the section on errors are those of the package', () => {
  const code = `${block('statusOf')}
inHandler(Object.assign(new Error('9 FAILED_PRECONDITION: no'), { code: 9, details: 'no' }), ({ code, details }) => console.log(code, details))
inGateway({ code: 5, details: 'none' }, { writeHead: (code) => ({ end: () => console.log(code) }) })`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    cwd: root,
    encoding: 'utf8',
  })
  assert.equal(stdout, '9 no\n404\n', stderr)
})

test('the error on the page is the one that comes', async (t) => {
  const address = await refusingAddress()
  const mesh = createMesh({ service: 'web', env: {}, log: 'silent', endpoints: { pricing: address } })
  t.after(() => mesh.close())
  const { error } = await observe(closing(t, client(mesh, Pricing, 'pricing')), 'quote')
  const shown = page.split('\n').find((line) => line.startsWith('14 UNAVAILABLE: '))
  assert.equal(error?.message, shown?.replace('127.0.0.1:5001', address))
})

test('the policy on the page has no mistake and no warning', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tulle-page-'))
  t.after(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'page.yaml'), blocks('yaml').join('---\n'))
  const tulle = join(root, 'dist/src/cli/main.js')
  const {
    status: code,
    stdout,
    stderr,
  } = spawnSync(process.execPath, [tulle, 'policy', 'check', '--strict', join(folder, 'page.yaml')], {
    encoding: 'utf8',
  })
  assert.equal(code, 0, stdout + stderr)
})

test('the table of statuses is the code’s', () => {
  const rows = [...page.matchAll(/^\| ([A-Z_, ]+|all others) \| (\w+) \| (none|`[^`]+`) \| (yes|no) \|/gm)]
  const told = new Map<string, readonly string[]>()
  for (const [, names = '', verdict = '', condition = ''] of rows)
    for (const name of names.split(', ')) told.set(name, [verdict, condition.replaceAll('`', '')])
  assert.equal(told.size, 8)
  for (const name of Object.keys(status).filter((one) => /^[A-Z_]+$/.test(one))) {
    const { class: verdict, condition = 'none' } = classify(
      status[name as keyof typeof status],
      new Metadata(),
      true,
    )
    assert.deepEqual([verdict, condition], told.get(name) ?? told.get('all others'), name)
  }
})

test('the options that the page calls refused are refused', () => {
  const mesh = createMesh({ service: 'web', env: {}, log: 'silent', endpoints: { pricing: '127.0.0.1:1' } })
  const row = page.split('\n').find((line) => line.startsWith('| refused options')) ?? assert.fail()
  const named = [...row.matchAll(/`(grpc\.[\w.]+)(?:: (\d))?`/g)]
  assert.ok(named.length >= 4)
  for (const [, name = '', value] of named)
    assert.throws(
      () => client(mesh, Pricing, 'pricing', { [name]: value === undefined ? 'x' : Number(value) }),
      { code: 'TULLE_CONFIG' },
      name,
    )
})
