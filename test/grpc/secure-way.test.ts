import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GRPC_VERSIONS, runWith } from '../kit/grpc-version.ts'
import { siblingOf } from '../kit/process.ts'

for (const version of GRPC_VERSIONS) {
  for (const file of ['secure', 'rotation'])
    test(`FAULTS 36, 41, 43, 44 (${file}) over grpc-js ${version.version}`, {
      timeout: 120_000,
    }, async () => {
      const { code, output } = await runWith(version, siblingOf(import.meta.url, `./range/${file}`))
      assert.equal(code, 0, output)
      assert.match(output, /pass [1-9]/, output)
    })
}
