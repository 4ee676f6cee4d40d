import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GRPC_VERSIONS, runWith } from '../kit/grpc-version.ts'
import { siblingOf } from '../kit/process.ts'

const RANGE = {
  liveness: 'FAULTS 4, 6, 7, 8: a connection that is not made, dies, or is lost as a call begins',
  limits: 'SECURITY 37: what a server sends is bounded before it is kept',
  targets: 'addresses of every kind, and no proxy',
}

for (const [file, what] of Object.entries(RANGE)) {
  for (const version of GRPC_VERSIONS)
    test(`grpc-js ${version.version}: ${what}`, { timeout: 120_000 }, async () => {
      const { code, output } = await runWith(version, siblingOf(import.meta.url, `./range/${file}`))
      assert.equal(code, 0, output)
      assert.match(output, /pass [1-9]/, output)
    })
}
