import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HealthPort } from '../src/health-port.ts'
import { createMesh } from '../src/index.ts'
import type { Health } from '../src/report.ts'

const ask = async (port: number | undefined, path: string): Promise<string> => {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`)
  return `${answer.status} ${(await answer.text()).trim()}`
}
const levels = (daysLeft: number) => [{ level: 'leaf', subject: 's', notAfterMs: 0, daysLeft }]

test('it is alive from the first moment, and ready when the mesh is', async (t) => {
  const mesh = createMesh({ service: 'web', env: {} })
  t.after(() => mesh.close())
  const port = new HealthPort(0, () => mesh.health())
  t.after(() => port.close())
  await port.start()
  assert.match(await ask(port.port, '/livez'), /^200/)
  assert.match(await ask(port.port, '/readyz'), /^503 .*web is idle/s)
  await mesh.start()
  assert.match(await ask(port.port, '/readyz'), /^200/)
  assert.match(await ask(port.port, '/metrics'), /^404/)
  await mesh.close()
  assert.match(await ask(port.port, '/readyz'), /^503 .*web is closed/s)
})

test('without a certificate in force nobody is sent here; what is degraded does not matter', async (t) => {
  let health = {
    service: 'web',
    state: 'ready',
    degraded: ['policy: refused'],
    identity: undefined,
  } as unknown as Health
  const port = new HealthPort(0, () => health)
  t.after(() => port.close())
  await port.start()
  assert.match(await ask(port.port, '/readyz'), /^200/)
  health = { ...health, identity: { levels: levels(0.5) } } as unknown as Health
  assert.match(await ask(port.port, '/readyz'), /^200/)
  const root = [{ level: 'root', subject: 'r', notAfterMs: 0, daysLeft: 100 }]
  for (const dead of [[], root, [...levels(-0.1), ...root]]) {
    health = { ...health, identity: { levels: dead } } as unknown as Health
    assert.match(await ask(port.port, '/readyz'), /^503 .*no valid certificate/s)
  }
})

test('where TLS is switched off a certificate that is over keeps nobody away', async (t) => {
  const health = { service: 'web', state: 'ready', identity: { levels: levels(-1) } } as unknown as Health
  const port = new HealthPort(0, () => health, false)
  t.after(() => port.close())
  await port.start()
  assert.match(await ask(port.port, '/readyz'), /^200/)
})

test('a mesh opens it before it starts and closes it last', async () => {
  const first = new HealthPort(0, () => assert.fail('nobody asks'))
  await first.start()
  const free = first.port as number
  await first.close()
  const mesh = createMesh({ service: 'web', healthPort: free, env: {} })
  await mesh.start()
  assert.match(await ask(free, '/readyz'), /^200/)
  await mesh.close()
  await assert.rejects(ask(free, '/livez'))
})
