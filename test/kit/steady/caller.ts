import { get } from 'node:http'
import { json } from 'node:stream/consumers'
import { createMesh } from '../../../src/index.ts'
import type { Look } from './judge.ts'
import { type Left, left } from './left.ts'
import { Mix } from './mix.ts'
import { type CallerSettings, identityOf } from './settings.ts'
import { readMetrics, Tracing } from './telemetry.ts'

/**
 * A program that calls a million times, in all the ways there are, and looks now and then at what it holds and what its
 * server holds. Then it closes its meshes and has nothing more to do.
 */
const settings = JSON.parse(process.argv[2] as string) as CallerSettings
const say = (word: string, said: object): void =>
  void process.stdout.write(`${word} ${JSON.stringify(said)}\n`)
const orphaned = (): never => process.exit(1)
process.on('disconnect', orphaned)
say('began', await left())
say('ready', {})

const metrics = readMetrics()
const tracing = new Tracing()
const policy = {
  version: 1,
  defaults: {
    timeout: '30s',
    connect: { timeout: '10s' },
    breaker: {},
    limit: { inFlight: 1000 },
    retry: { limit: 2 },
  },
} as const
const plain = createMesh({
  service: 'web',
  endpoints: { orders: settings.plain.map((port) => `127.0.0.1:${port}`) },
  policy,
  log: 'error',
  env: {},
})
const secure = createMesh({
  service: 'web',
  endpoints: { vault: [`127.0.0.1:${settings.secure}`] },
  policy,
  log: 'error',
  env: identityOf(settings.certificates, 'web'),
})
await Promise.all([plain.start(), secure.start()])

const mix = new Mix(plain, secure)
let calls = 0
const caller = async (until: number): Promise<void> => {
  while (calls < until) {
    calls++
    await mix.one()
  }
}
for (const many of settings.looks) {
  await Promise.all(Array.from({ length: settings.callers }, () => caller(many)))
  await metrics.collect()
  await tracing.flush()
  const held = await left()
  const { user, system } = process.cpuUsage()
  const look: Look = {
    calls,
    seconds: performance.now() / 1000,
    cpuSeconds: (user + system) / 1e6,
    spans: tracing.exported,
    listeners: mix.listeners,
    caller: held,
    server: await serversLeft(),
  }
  say('look', look)
}
say('ends', mix.ends)
const closing = performance.now()
await Promise.all([plain.close(), secure.close(), metrics.stop(), tracing.stop()])
const closeMs = performance.now() - closing
process.off('disconnect', orphaned)
process.disconnect()
say('closed', { closeMs, ...(await left()) })

function serversLeft(): Promise<Left> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port: settings.control, agent: false }, (answer) =>
      json(answer).then((server) => resolve(server as Left), reject),
    ).on('error', reject)
  })
}
