import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { folder, type MemberProgram, startMember, startPlaneProcess } from '../kit/member.ts'
import { delay, until } from '../kit/wait.ts'

/** Long enough for three starts of processes, on a machine that does other things too. */
const LIFETIME_MS = 20_000

const keeps = (dir: string, text: string): boolean => {
  const file = join(dir, 'endpoints.json')
  return existsSync(file) && readFileSync(file, 'utf8').includes(text)
}

const calls = async (from: MemberProgram, to: string, by: string): Promise<void> => {
  const said = await from.fetch(`http://${to}.mesh/x`)
  assert.equal(said.status, 200, JSON.stringify(said))
  assert.equal(JSON.parse(said.text!).from, by, 'over mutual TLS: the caller is known')
}

test('FAULTS 21, 31, 37: without the plane members start, call and are called to the end of their certificates, then fail closed, and all heals when it is back', async (t) => {
  const planeDir = folder(t)
  const options = { dir: planeDir, port: 0, svidTtlMs: LIFETIME_MS }
  const plane = await startPlaneProcess(t, options, 'orders', 'web')
  const [ordersDir, webDir] = [folder(t), folder(t)]
  const member = (service: string, stateDir: string, port = 0) =>
    startMember(t, { service, token: plane.tokens[service]!, stateDir, port })
  let [orders, web] = await Promise.all([member('orders', ordersDir), member('web', webDir)])
  for (const [one, other] of [
    [web, 'orders'],
    [orders, 'web'],
  ] as const)
    await until(async () => (await one.fetch(`http://${other}.mesh/x`)).status === 200, {
      what: `${other} to be found`,
      withinMs: 15_000,
    })
  for (const [dir, other] of [
    [webDir, 'orders'],
    [ordersDir, 'web'],
  ] as const)
    await until(() => keeps(dir, `"${other}":[{`), { what: `the addresses of ${other} on disk` })
  await plane.process.kill('SIGKILL')

  await Promise.all([orders.process.kill('SIGKILL'), web.process.kill('SIGKILL')])
  ;[orders, web] = await Promise.all([
    member('orders', ordersDir, orders.port),
    member('web', webDir, web.port),
  ])
  await calls(web, 'orders', 'web')
  await calls(orders, 'web', 'orders')
  const health = await web.health()
  assert.equal(health.identity?.from, 'disk')
  assert.match(health.degraded.join('\n'), /cannot be reached/)
  const untilExpiryMs = health.identity!.notAfterMs! - Date.now()
  assert.ok(untilExpiryMs > 1500, 'all that was before the end')
  await delay(untilExpiryMs - 1500)
  await calls(web, 'orders', 'web')

  await delay(3000)
  for (const [one, other] of [
    [web, 'orders'],
    [orders, 'web'],
  ] as const) {
    const said = await one.fetch(`http://${other}.mesh/x`)
    assert.equal(said.code, 'TULLE_IDENTITY_EXPIRED', JSON.stringify(said))
    assert.match(said.message!, /expired at 20\d\d-/)
    assert.match((await one.health()).degraded.join('\n'), /expired at 20\d\d-/)
  }

  // Long enough that back-offs are long.
  await delay(5000)
  await startPlaneProcess(t, { ...options, port: plane.port })
  const back = performance.now()
  await until(async () => (await web.fetch('http://orders.mesh/x')).status === 200, {
    what: 'web to call orders again',
    withinMs: 10_000,
    everyMs: 20,
  })
  await until(async () => (await orders.fetch('http://web.mesh/x')).status === 200, {
    what: 'orders to call web again',
    withinMs: 10_000,
    everyMs: 20,
  })
  const calledMs = performance.now() - back
  let degraded: unknown
  await until(
    async () => {
      const all = await Promise.all([web.health(), orders.health()])
      degraded = all.map((each) => each.degraded)
      return all.every(({ ok }) => ok)
    },
    { what: 'both to be well', withinMs: 10_000, everyMs: 20, seen: () => degraded },
  )
  const wellMs = performance.now() - back
  t.diagnostic(
    `after the plane's return: calls after ${calledMs.toFixed(0)} ms, all well after ${wellMs.toFixed(0)} ms`,
  )
  assert.ok(wellMs < 5000, `${wellMs.toFixed(0)} ms`)
  for (const { process } of [web, orders]) {
    const lines = process.stderr.split('\n').filter((line) => line !== '')
    t.diagnostic(`${lines.length} lines logged`)
    assert.ok(lines.length < 60, `one line for each change:\n${process.stderr}`)
  }
})
