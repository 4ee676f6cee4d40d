import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { TwinStage, writePolicy } from '../kit/twins/stage.ts'
import { until } from '../kit/wait.ts'

/** One document. `Ask` may be repeated, over HTTP because it is a GET, over gRPC because the route says so. */
const POLICY = `version: 1
services:
  twins:
    balance: round-robin
    timeout: 60s
    retry: { limit: 2, tryTimeout: 5s, retryOn: [connect-failure, refused-stream, reset, gateway-error], budget: { ratio: 100%, minPerSecond: 1000 } }
    outlier: { consecutiveFailures: 3, baseEjection: 1h, maxEjection: 2h, jitter: 0, maxEjectedPercent: 70, panicThreshold: 0 }
    breaker: { errorThreshold: 50%, minRequests: 8, openFor: 300ms, window: 60s }
    routes:
      - match: { path: /tulle.twin.Twin/Ask }
        idempotent: true
`

/** Everything a policy decides about, one thing after the other. */
async function play(stage: TwinStage): Promise<void> {
  stage.note('all is well')
  await stage.calls(6)

  stage.note('one is unavailable: calls are retried elsewhere until it is ejected')
  stage.conduct('is unavailable', 1)
  await stage.calls(10)
  stage.note('it recovers; its ejection ends, one probe brings it back')
  stage.conduct('answers', 1)
  stage.wait(3 * 3_600_000)
  await stage.calls(4)

  stage.note('what must not be repeated is not')
  stage.conduct('is unavailable', 2)
  await stage.calls(3, 'Do')
  stage.conduct('answers', 2)
  await stage.calls(3)

  stage.note('an inner failure is not in retryOn, and ejects all the same')
  stage.conduct('fails inside', 3)
  await stage.calls(12)
  stage.conduct('answers', 3)
  stage.wait(3 * 3_600_000)
  await stage.calls(4)

  stage.note('overload speaks against a picker, not for an ejection')
  stage.conduct('is overloaded', 2)
  await stage.calls(12)
  stage.conduct('answers', 2)

  stage.note('nobody listens: what was never sent moves on, whatever it is')
  await stage.stop(1)
  await stage.calls(8, 'Do')
  await stage.start(1)
  stage.wait(3 * 3_600_000)
  await stage.calls(6)

  stage.note('one never answers: the try-timeout ends attempts, and counts')
  stage.conduct('never answers', 3)
  await stage.calls(10)
  stage.conduct('answers', 3)
  stage.wait(3 * 3_600_000)
  await stage.calls(6)

  stage.note('everything fails: retries until the limit, then the breaker opens')
  stage.conduct('is unavailable', 1, 2, 3)
  await stage.calls(12)
}

test('one policy file over HTTP and over gRPC: the same attempts, the same exclusions, the same breaker', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tulle-twins-'))
  const policy = writePolicy(join(folder, 'mesh.yaml'), POLICY)
  const seen: Record<string, readonly string[]> = {}
  const transitions: Record<string, readonly string[]> = {}
  try {
    for (const protocol of ['http', 'grpc'] as const) {
      const stage = await TwinStage.open(protocol, policy)
      try {
        await play(stage)
        // The breaker alone counts real time.
        stage.note('all is well again: one probe, then step by step')
        stage.conduct('answers', 1, 2, 3)
        stage.wait(3 * 3_600_000)
        await until(
          async () => {
            if (stage.breaker === 'closed') return true
            stage.wait(100)
            const before = stage.lines.length
            await stage.calls(1)
            // How often a call is refused until then depends on the machine, not on the protocol.
            const refused = stage.lines.slice(before).some((line) => line.includes('TULLE_CIRCUIT_OPEN'))
            if (refused) stage.lines.length = before
            return false
          },
          { what: `the breaker to close over ${protocol}`, withinMs: 10_000, everyMs: 50 },
        )
        seen[protocol] = stage.lines
        transitions[protocol] = stage.transitions
      } finally {
        await stage.close()
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  const { http = [], grpc = [] } = seen
  for (const word of ['1 ejected', '3 ejected', 'readmitted', 'transparent retry', 'TULLE_CIRCUIT_OPEN'])
    assert.ok(
      http.some((line) => line.includes(word)),
      `the play never came to "${word}"`,
    )
  assert.deepEqual(grpc, http)
  assert.deepEqual(transitions.http, ['open', 'half-open', 'closed'])
  assert.deepEqual(transitions.grpc, transitions.http)
})
