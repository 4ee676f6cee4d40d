import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { scriptedEndpoint } from '../src/testing/index.ts'
import { startProcess } from './kit/process.ts'
import { root } from './kit/root.ts'
import { until } from './kit/wait.ts'

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

test('the commands with a plane of the README run as they are printed, on ports of their own', async (t) => {
  const [, printed = ''] = /```sh\n(npx tulle plane[\s\S]*?)```/.exec(readme) ?? []
  const [plane = '', orders = '', web = '', curl = ''] = printed.split('\n')
  const [, args = ''] = /^npx tulle (plane [^#]*)#/.exec(plane) ?? []
  const { ready } = await startProcess(t, join(root, 'dist/src/cli/main.js'), {
    args: [...args.trim().split(' '), '--port', '0'],
    ready: /^TULLE_JOIN_TOKEN=(\S+)$/m,
  })
  const service = (line: string) => {
    const [, assigned = '', file = ''] = /^((?:\w+=\S+ )+)node (\S+)$/.exec(line) ?? assert.fail(line)
    const env = Object.fromEntries(
      assigned
        .trim()
        .split(' ')
        .map((one) => one.split('=')),
    )
    assert.equal(env.TULLE_JOIN_TOKEN, '…')
    return startProcess(t, join(root, file), {
      env: { ...env, TULLE_JOIN_TOKEN: ready[1]!, PORT: '0' },
      ready: /^listening on (\S+)$/m,
    })
  }
  await service(orders)
  const {
    ready: [, url = ''],
  } = await service(web)
  assert.equal(curl, `curl http://127.0.0.1:${/PORT=(\d+)/.exec(web)?.[1]}/`)
  const answer = await until(
    async () => {
      const res = await fetch(url)
      return res.status === 200 && ((await res.json()) as { askedBy: string })
    },
    { what: 'an answer through the mesh' },
  )
  assert.match(answer.askedBy, /^spiffe:.*\/svc\/web$/)
})

test('the commands of the README are scripts of the package', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  for (const [, name] of readme.matchAll(/npm run (\w+)/g)) assert.ok(scripts[name!], name)
  assert.ok(scripts.test)
})

/** As GitHub makes them: lower case, hyphens for spaces, nothing but letters, digits, hyphens and underscores. */
function anchors(text: string): Set<string> {
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading)
  return new Set(
    headings.map((one) =>
      one
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    ),
  )
}

test('every page and every heading that is linked from the README and from docs/ is there', () => {
  const docs = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'))
  for (const name of docs) assert.ok(readme.includes(`](docs/${name})`), `README.md links to ${name}`)
  for (const page of ['README.md', ...docs.map((name) => `docs/${name}`)]) {
    const text = readFileSync(join(root, page), 'utf8')
    for (const [, path = '', anchor] of text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)) {
      const file = path === '' ? join(root, page) : join(root, dirname(page), path)
      assert.ok(existsSync(file), `${page} links to ${path}`)
      if (anchor !== undefined)
        assert.ok(anchors(readFileSync(file, 'utf8')).has(anchor), `${page} links to ${path}#${anchor}`)
    }
  }
})
