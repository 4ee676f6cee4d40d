import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GRPC_VERSIONS, runWith } from '../kit/grpc-version.ts'
import { siblingOf } from '../kit/process.ts'

const RANGE = {
  channel: 'a client asks of a channel override what the mesh channel gives',
  leaf: 'a channel says and does what the leaf reads',
  connectivity: 'a channel says of its connections what plain grpc-js says',
  server: 'injected connections and their interceptors do what the server builds on',
  'round-trip': 'every kind of call goes through the mesh, out and in',
}

for (const [file, what] of Object.entries(RANGE)) {
  for (const version of GRPC_VERSIONS) {
    test(`grpc-js ${version.version}: ${what}`, { timeout: 120_000 }, async () => {
      const { code, output } = await runWith(version, siblingOf(import.meta.url, `./range/${file}`))
      assert.equal(code, 0, output)
      assert.match(output, /pass [1-9]/, output)
    })
  }
}
