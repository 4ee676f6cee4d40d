/**
 * Writes test/kit/grpc/generated/ anew: the client that ts-proto makes from the tests' pricing.proto. Fetches the
 * generator from the registry, so it is run by hand: `node dist/scripts/generate-grpc.js`.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const out = 'test/kit/grpc/generated'
const template = {
  version: 'v2',
  plugins: [
    {
      local: 'protoc-gen-ts_proto',
      out,
      opt: ['outputServices=grpc-js', 'esModuleInterop=true', 'useExactTypes=false'],
    },
  ],
}

execFileSync(
  'npx',
  [
    ...['--yes', '--package', '@bufbuild/buf@1', '--package', 'ts-proto@2', '--'],
    ...['buf', 'generate', 'test/kit/grpc', '--template', JSON.stringify(template)],
  ],
  { cwd: root, stdio: 'inherit' },
)

const file = join(root, out, 'pricing.ts')
const head = [
  '// Written anew by: node dist/scripts/generate-grpc.js',
  ...['lint', 'format', 'assist'].map((what) => `// biome-ignore-all ${what}: generated`),
]
writeFileSync(file, `${head.join('\n')}\n${readFileSync(file, 'utf8')}`)
