import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { root } from '../kit/root.ts'

const run = (cwd: string, code: string) =>
  spawnSync(process.execPath, ['--input-type=module', '-e', code], { cwd, encoding: 'utf8' })

/** A folder where the package is installed with its dependencies, and without the optional peer. */
describe('in a project without @grpc/grpc-js', () => {
  let project: string
  before(() => {
    project = mkdtempSync(join(tmpdir(), 'tulle-consumer-'))
    const installed = join(project, 'node_modules')
    const tulle = join(installed, 'tulle')
    mkdirSync(tulle, { recursive: true })
    cpSync(join(root, 'package.json'), join(tulle, 'package.json'))
    cpSync(join(root, 'dist/src'), join(tulle, 'dist/src'), { recursive: true })
    for (const name of readdirSync(join(root, 'node_modules'))) {
      if (name.startsWith('.') || /^(@grpc|grpc-js-oldest|nice-grpc.*|tulle)$/.test(name)) continue
      symlinkSync(join(root, 'node_modules', name), join(installed, name), 'junction')
    }
  })
  after(() => rmSync(project, { recursive: true, force: true }))

  test('tulle is imported, and makes a mesh', () => {
    const { stdout, stderr } = run(
      project,
      "import { createMesh } from 'tulle'\nawait createMesh({ service: 'web', env: {} }).close()\nconsole.log('made')",
    )
    assert.equal(stdout.trim(), 'made', stderr)
  })

  test('tulle/grpc fails with Node’s own word for what is missing', () => {
    const { stderr, status } = run(project, "import 'tulle/grpc'")
    assert.equal(status, 1)
    assert.match(stderr, /ERR_MODULE_NOT_FOUND/)
    assert.match(stderr, /Cannot find package '@grpc\/grpc-js'/)
  })
})

test('tulle alone never loads grpc-js, also where it is installed', () => {
  const loaded = (entry: string): number => {
    const { stdout, stderr } = run(
      root,
      `import '${entry}'
import { createRequire } from 'node:module'
const cache = Object.keys(createRequire(import.meta.url).cache ?? {})
console.log(cache.filter((file) => /node_modules.(@grpc|grpc-js-oldest|protobufjs)/.test(file)).length)`,
    )
    assert.match(stdout, /^\d+$/m, stderr)
    return Number(stdout)
  }
  for (const entry of ['tulle', 'tulle/express', 'tulle/fastify', 'tulle/testing', 'tulle/plane'])
    assert.equal(loaded(entry), 0, entry)
  assert.ok(loaded('tulle/grpc') > 10, 'the look is not blind')
})
