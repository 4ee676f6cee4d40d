import assert from 'node:assert/strict'
import { test } from 'node:test'
import { oneVersion } from '../kit/invariants.ts'
import { startLedger } from '../kit/ledger.ts'
import { openLoop } from '../kit/load.ts'
import { createPolicyFile, startSetting } from '../kit/setting.ts'
import { until } from '../kit/wait.ts'

/** A version is told apart upstream by its timeout: version n gives its calls 10 n seconds. */
const STEP_MS = 10_000

test('FAULTS 34: policies swapped under load, and every call meets exactly one of them', async (t) => {
  const ledger = await startLedger()
  t.after(() => ledger.close())
  ledger.behave(({ execution }) => (execution === 1 ? { status: 503, delayMs: 20 } : { delayMs: 10 }))
  const document = (number: number) => ({
    version: 1,
    services: {
      orders: {
        endpoints: [ledger.address],
        outlier: false,
        timeout: `${(number * STEP_MS) / 1000}s`,
        retry: { limit: 3, budget: { ratio: '100%', minPerSecond: 1000 } },
      },
    },
  })
  const policy = createPolicyFile(t, document(1))
  const setting = await startSetting(t, { upstreams: 0, mesh: { endpoints: {}, policy: policy.path } })
  let applied = 0
  setting.runtime.events.on('policy-applied', () => applied++)

  let running = true
  const swapping = (async () => {
    for (let number = 2; running; number++) {
      const before = applied
      policy.write(document(1 + (number % 9)))
      await until(() => applied > before || !running, { what: 'the policy to be applied' })
    }
  })()
  const { results } = await openLoop({ perSecond: 400, forMs: 4000 }, (number) =>
    setting.caller.ask({ path: `/${number}` }),
  )
  running = false
  await swapping

  const upstream = new Map<string, string[]>()
  for (const { path, headers } of ledger.entries) {
    const told = Number(headers['x-envoy-expected-rq-timeout-ms'])
    upstream.set(path, [...(upstream.get(path) ?? []), String(Math.ceil(told / STEP_MS))])
  }
  const seen = setting.counted.calls.map(({ path, policyVersion }) => ({
    ...(setting.caller.seen[0] as (typeof setting.caller.seen)[number]),
    id: path,
    versions: upstream.get(path) ?? [],
    policyVersion,
  }))
  assert.equal(seen.length, results.length)
  assert.deepEqual(oneVersion({ seen, upstreams: [] }), [])
  assert.ok(
    seen.every(({ versions }) => versions.length >= 2),
    'every call was tried twice',
  )
  const meaning = new Map<string, Set<string>>()
  for (const { policyVersion, versions } of seen)
    meaning.set(policyVersion, new Set([...(meaning.get(policyVersion) ?? []), ...versions]))
  for (const [version, told] of meaning)
    assert.equal(told.size, 1, `version ${version} told ${[...told].join()}`)
  t.diagnostic(`${seen.length} calls met ${meaning.size} versions in ${applied} swaps, none met two`)
  assert.ok(meaning.size > 3)
  assert.deepEqual(setting.caller.failures, [])
  await setting.mesh.close()
})
