import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { scriptedEndpoint } from '../src/testing/index.ts'
import { root } from './kit/root.ts'

const readme = readFileSync(join(root, 'README.md'), 'utf8')

test('the five lines of the README run as they are printed', async () => {
  await using one = await scriptedEndpoint({ body: ['apples'] })
  await using two = await scriptedEndpoint({ body: ['apples'] })
  const [, printed = ''] = /```js\n([\s\S]*?)```/.exec(readme) ?? []
  assert.match(printed, /127\.0\.0\.1:4001.*127\.0\.0\.1:4002/)
  const code = printed.replace('127.0.0.1:4001', one.address).replace('127.0.0.1:4002', two.address)
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  const [status] = (await once(child, 'close')) as [number]
  assert.equal(status, 0)
  assert.equal(Buffer.concat(chunks).toString(), "200 [ 'apples' ]\n")
  assert.equal(one.requests.length + two.requests.length, 1)
  assert.equal((one.requests[0] ?? two.requests[0])?.url, '/v1/items')
})

test('the commands of the README are scripts of the package', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  for (const [, name] of readme.matchAll(/npm run (\w+)/g)) assert.ok(scripts[name!], name)
  assert.ok(scripts.test)
})

test('every page that is linked from the README and from docs/ is there', () => {
  const pages = [
    'README.md',
    'docs/getting-started.md',
    'docs/serving.md',
    'docs/observability.md',
    'docs/policy.md',
    'docs/configuration.md',
    'docs/errors.md',
    'docs/extending.md',
    'docs/architecture.md',
  ]
  for (const page of pages) {
    const text = readFileSync(join(root, page), 'utf8')
    for (const [, link] of text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
      assert.ok(
        existsSync(join(root, page.startsWith('docs/') ? 'docs' : '', link!)),
        `${page} links to ${link}`,
      )
    }
  }
})
