import { createRequire } from 'node:module'
import { availableParallelism, cpus, release } from 'node:os'
import type { Options } from './options.ts'
import { pinned } from './processes.ts'
import type { Machine } from './results.ts'

const PACKAGES = [
  'undici',
  'opossum',
  '@opentelemetry/instrumentation-undici',
  '@opentelemetry/sdk-trace-node',
  'moleculer',
  '@grpc/grpc-js',
  'express',
  'fastify',
]

/** What the figures hold for. */
export function machineOf({ concurrency, rate, pace }: Options): Machine {
  const { node, v8, openssl } = process.versions
  return {
    date: new Date().toISOString().slice(0, 10),
    node: node ?? '',
    v8: v8 ?? '',
    openssl: openssl ?? '',
    linux: release(),
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    packages: Object.fromEntries(PACKAGES.map((name) => [name, versionOf(name)])),
    pinned,
    concurrency,
    rate,
    pace,
  }
}

/** Some packages do not export their manifest; it lies where their folder is found all the same. */
function versionOf(name: string): string {
  const require = createRequire(import.meta.url)
  for (const folder of require.resolve.paths(name) ?? []) {
    try {
      return (require(`${folder}/${name}/package.json`) as { version: string }).version
    } catch {}
  }
  return 'not installed'
}
