import assert from 'node:assert/strict'
import { subscribe } from 'node:diagnostics_channel'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type AccessLogEntry, createMesh } from '../../src/index.ts'
import { refusingAddress } from '../../src/testing/index.ts'
import { TestMeters, TestSdk } from '../kit/otel.ts'
import { root } from '../kit/root.ts'
import { until } from '../kit/wait.ts'

const page = readFileSync(join(root, 'docs', 'observability.md'), 'utf8')
const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => readFileSync(join(root, 'src', name), 'utf8'))
  .join('\n')
const written = new Set([...page.matchAll(/`([^`\n]+)`/g)].map(([, name]) => name as string))
const onPage = (names: Iterable<string>): void => {
  for (const name of names) assert.ok(written.has(name), `${name} is not on the page`)
}

test('every name of a span, a metric, a channel or a field on the page is a name in the code', () => {
  const names = [...written].filter((name) =>
    /^(tulle|http|rpc|url|server|network|error|otel)\.[\w.]+$/.test(name),
  )
  assert.ok(names.length > 25)
  for (const name of names) assert.ok(sources.includes(`'${name}'`), `${name} is in no source`)
  const rows = [...page.matchAll(/^\| `tulle:([\w-]+)` \|.*\| (.*) \|$/gm)]
  const events = /interface EventMap \{(.*?)\n\}/s.exec(sources)?.[1] ?? ''
  for (const [, name, fields = ''] of rows) {
    const declared = new RegExp(`^ {2}'?${name}'?: (\\{[^}]*\\}|\\w+Event)`, 'm').exec(events)?.[1]
    assert.ok(declared, `${name} is no event`)
    for (const [, field] of fields.matchAll(/`(\w+)`/g))
      assert.match(declared, new RegExp(`\\b${field}:`), `${name} has no ${field}`)
  }
  assert.equal(rows.length, events.match(/^ {2}[\w'-]+: (?:\{|\w+Event)/gm)?.length)
})

test('every name that a mesh at work tells is on the page', async (t) => {
  const [sdk, meters] = [new TestSdk(), new TestMeters()]
  const entries: AccessLogEntry[] = []
  const retries: object[] = []
  subscribe('tulle:retry', (message) => retries.push(message as object))
  const mesh = createMesh({
    service: 'web',
    env: {},
    accessLog: (entry) => entries.push(entry),
    policy: { version: 1, services: { gone: { endpoints: [await refusingAddress()], timeout: '1s' } } },
    endpoints: { orders: '127.0.0.1:1' },
  })
  t.after(() => mesh.close())
  const server = await mesh.serve((_req, res) => res.end('ok'), { port: 0, signals: false })
  await fetch(`${server.url}/items?a=1`)
  await assert.rejects(mesh.fetch('http://gone.mesh/'))
  await until(() => entries.length === 2, { what: 'both entries' })

  const spans = sdk.taken()
  assert.equal(new Set(spans.map(({ kind }) => kind)).size, 3)
  onPage(spans.flatMap(({ attributes }) => Object.keys(attributes)))
  assert.ok(retries.length > 0)
  onPage(retries.flatMap((message) => Object.keys(message)))
  for (const name of [...written].filter((one) => /^(tulle|http)\.[\w.]+$/.test(one)))
    for (const { attributes } of await meters.points(name)) onPage(Object.keys(attributes))
  const logged = page.slice(page.indexOf('## Access log'), page.indexOf('## Events'))
  for (const { kind, ...entry } of entries)
    for (const field of [...Object.keys(entry), ...Object.keys(entry.outcome)])
      assert.ok(logged.includes(`\`${field}\``), `${kind} has ${field}`)
})

test('all instruments of the code are on the page', () => {
  const made = /(?:gauge|counter|duration)\(\s*'([\w.]+)'/g
  const names = [...sources.matchAll(made)].map(([, name]) => name as string)
  assert.equal(names.length, 14)
  onPage(names)
})
