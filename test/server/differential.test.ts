import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Handler, InboundSubject } from '../contract/inbound.ts'
import { denying, inboundHarness } from '../kit/inbound-harness.ts'
import { fastifySubject, middleware, type PathMode, served, servedExpress } from '../kit/inbound-subjects.ts'
import { type RawClient, rawClient } from '../kit/raw-http.ts'
import { root } from '../kit/root.ts'
import { until } from '../kit/wait.ts'

interface Vector {
  readonly mode: PathMode
  readonly input: string
}

const MODES: readonly PathMode[] = ['none', 'base', 'merge-slashes', 'decode-and-merge-slashes']
/** Spellings of, and ways around, `/admin`, beside the shared vectors. */
const SAME = [
  '/admin',
  '//admin',
  '/./admin',
  '/a/../admin',
  '/%61dmin',
  '/admi%6e',
  '/\\admin',
  '/a\\..\\admin',
  '/%2e/admin',
  '/a/%2e%2e/admin',
  '/admin/',
  '/admin//',
  '/admin/.',
  '/admin?x',
  '/admin/?x=/../..',
]
const OWN = [
  ...SAME,
  '/%2fadmin',
  '/a%2f..%2fadmin',
  '/a%5c..%5cadmin',
  '/admin%2f',
  '/admin%00',
  '/admin%',
  '/%%361dmin',
  '/admin;x',
  '/admin\u00a0',
  '/ADMIN',
  '/admin%20',
  '/admin.',
]

function vectors(): Vector[] {
  const own = MODES.flatMap((mode) => OWN.map((input) => ({ mode, input })))
  const file = join(root, '..', 'shared', 'vectors', 'path-normalization.json')
  if (!existsSync(file)) return own
  const shared = JSON.parse(readFileSync(file, 'utf8')).vectors as { mode: string; input: string }[]
  return [
    ...own,
    ...shared.map(({ mode, input }) => ({
      mode: mode.toLowerCase().replaceAll('_', '-') as PathMode,
      input,
    })),
  ]
}

const subjects: readonly InboundSubject[] = [
  served,
  servedExpress(4),
  servedExpress(5),
  middleware(4),
  middleware(5),
  fastifySubject(false),
  fastifySubject(true),
]

/** The status of a GET over a connection that is kept, or opened again where the server closed it. */
async function ask(port: number, kept: { client?: RawClient }, target: string): Promise<number> {
  if (kept.client === undefined || kept.client.socket.destroyed || !kept.client.socket.writable)
    kept.client = await rawClient(port)
  const client = kept.client
  const from = client.text().length
  client.send(`GET ${target} HTTP/1.1\r\nhost: web\r\n\r\n`)
  let closed = false
  client.closed.then(() => {
    closed = true
  })
  const answer = (): RegExpMatchArray | null =>
    client
      .text()
      .slice(from)
      .match(/^HTTP\/1\.1 (\d+)[\s\S]*?\r\n\r\n/)
  await until(() => answer() !== null || closed, { what: `an answer to ${target}`, everyMs: 0 })
  const match = answer()
  if (match === null || /connection: close/i.test(match[0])) {
    client.socket.destroy()
    delete kept.client
  } else {
    const length = Number(/content-length: (\d+)/i.exec(match[0])?.[1] ?? 0)
    await until(() => client.text().length >= from + match[0].length + length, {
      what: 'the body',
      everyMs: 0,
    })
  }
  return Number(match?.[1] ?? 0)
}

for (const subject of subjects) {
  test(`FAULTS 48: ${subject.name}: what is judged is what the application sees, and no spelling reaches a denied resource`, async () => {
    for (const mode of MODES) {
      const denied = (path: string): boolean => path === '/admin' || path.startsWith('/admin/')
      const harness = inboundHarness({ paths: mode, layer: denying(denied) })
      const seenUrls: string[] = []
      const handler: Handler = (req, res) => {
        seenUrls.push(req.url ?? '')
        res.setHeader('content-length', 0)
        res.end()
      }
      const started = await subject.start(harness, handler, handler)
      const kept: { client?: RawClient } = {}
      try {
        for (const { input } of vectors().filter((vector) => vector.mode === mode)) {
          const calls = harness.seen.length
          seenUrls.length = 0
          const status = await ask(started.port, kept, input)
          const judged = harness.seen[calls]?.call.path
          if (mode.endsWith('merge-slashes') && SAME.includes(input))
            assert.notEqual(status, 200, `${input} is /admin`)
          if (status === 200) {
            assert.equal(harness.seen.length, calls + 1, `${input}: judged once`)
            assert.deepEqual(
              seenUrls.map((url) => url.split('?')[0]),
              [judged],
              `${input}: seen as judged`,
            )
            assert.ok(!denied(seenUrls[0]?.split('?')[0] ?? ''), `${input} reached the denied resource`)
          } else {
            assert.deepEqual(seenUrls, [], `${input}: ${status} and yet handled`)
          }
        }
      } finally {
        kept.client?.socket.destroy()
        await started.close()
      }
    }
  })
}
