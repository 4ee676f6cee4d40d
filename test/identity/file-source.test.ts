import assert from 'node:assert/strict'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { isMeshError } from '../../src/core/errors.ts'
import { writeBundle } from '../../src/identity/bundle.ts'
import { FileSource } from '../../src/identity/file-source.ts'
import { MeshIdentity } from '../../src/identity/mesh-identity.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { type IssueOptions, TestCa, type TestSvid } from '../kit/certificates.ts'
import { settled } from '../kit/identity-stage.ts'
import { until } from '../kit/wait.ts'

let folder: string
let clock: ManualClock
let identity: MeshIdentity
let ca: TestCa
let changes: string[]
let logged: string[]
let startOffset: number

const wall = (): number => startOffset + clock.now()

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tulle-certs-'))
  clock = new ManualClock()
  startOffset = Date.now() - clock.now()
  ca = TestCa.create({ wall })
  changes = []
  logged = []
})
afterEach(async () => {
  await identity.close()
  rmSync(folder, { recursive: true, force: true })
})

function begin(paths: Partial<Record<'certFile' | 'keyFile' | 'bundleFile', string>> = {}): Promise<void> {
  const say = (message: string): void => {
    logged.push(message)
  }
  const log = { debug: say, info: say, warn: say, error: say }
  const source = new FileSource({
    certFile: join(folder, 'tls.crt'),
    keyFile: join(folder, 'tls.key'),
    bundleFile: join(folder, 'ca.crt'),
    clock,
    wall,
    log,
    ...paths,
  })
  identity = new MeshIdentity({ service: 'orders', source, clock, wall, log })
  identity.onChange((change) => changes.push(change))
  return identity.start(new AbortController().signal)
}

/** Lets time pass in steps as small as the files settle, with the reading done in between. */
async function pass(ms = 1500): Promise<void> {
  for (let passed = 0; passed < ms; passed += 50) {
    clock.advance(50)
    await settled()
    await settled()
  }
}

async function during(promise: Promise<void>): Promise<void> {
  let over = false
  const end = promise.finally(() => {
    over = true
  })
  end.catch(() => {})
  await until(
    async () => {
      await pass(50)
      return over
    },
    { what: 'the start', everyMs: 1 },
  )
  await end
}

const write = (name: string, content: string, mode = 0o600): void =>
  writeFileSync(join(folder, name), content, { mode })

function put(svid: TestSvid, roots = ca.rootPem): void {
  write('tls.crt', svid.chainPem.join(''))
  write('tls.key', svid.keyPem)
  write('ca.crt', roots)
}

const problem = (): string => identity.health().problem ?? ''
const problemIs = (pattern: RegExp): Promise<true> =>
  until(
    async () => {
      await pass(200)
      return pattern.test(problem()) || undefined
    },
    { what: `${pattern}`, everyMs: 1, seen: problem },
  )
const generationIs = (generation: number): Promise<true> =>
  until(
    async () => {
      await pass(200)
      return identity.current?.generation === generation || undefined
    },
    { what: `generation ${generation}`, everyMs: 1, seen: () => [identity.current?.generation, problem()] },
  )

test('certificate, key and bundle come from three files, PEM or a SPIFFE bundle, and a new pair is taken', async () => {
  put(ca.issue())
  await during(begin())
  assert.equal(identity.id, 'spiffe://test.example/ns/default/dc/dc1/svc/orders')
  assert.equal(identity.health().from, 'files')
  assert.equal(problem(), '')
  put(ca.issue({ lifetimeMs: 100_000_000 }))
  await generationIs(2)
  assert.deepEqual(changes, ['renewed', 'renewed'])
  write('ca.crt', writeBundle([ca.root], 1))
  await pass(3000)
  assert.equal(identity.current?.generation, 2, 'the same roots written otherwise are no change')
})

test('a swap of the ..data link, as Kubernetes does it, is seen and taken whole', async () => {
  const version = (name: string, svid: TestSvid): void => {
    mkdirSync(join(folder, name))
    write(`${name}/tls.crt`, svid.chainPem.join(''))
    write(`${name}/tls.key`, svid.keyPem)
    write(`${name}/ca.crt`, ca.rootPem)
  }
  version('..2026_1', ca.issue())
  symlinkSync('..2026_1', join(folder, '..data'))
  for (const name of ['tls.crt', 'tls.key', 'ca.crt']) symlinkSync(`..data/${name}`, join(folder, name))
  await during(begin())
  for (let turn = 2; turn <= 5; turn++) {
    version(`..2026_${turn}`, ca.issue())
    symlinkSync(`..2026_${turn}`, join(folder, '..data_tmp'))
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
    rmSync(join(folder, `..2026_${turn - 1}`), { recursive: true })
    await generationIs(turn)
    assert.equal(problem(), '')
  }
})

test('a half-written, mismatched, foreign, expired or missing file never replaces a good whole, and health says why', async () => {
  const good = ca.issue()
  put(good)
  await during(begin())
  const current = identity.current
  const stranger = TestCa.create({ wall })
  const next = ca.issue()
  const spoil: readonly [RegExp, () => void][] = [
    [
      /the key is not that of .*orders; what was there before stays/,
      () => write('tls.crt', next.chainPem.join('')),
    ],
    [/tls.crt: there is no PEM certificate/, () => write('tls.crt', next.certPem.slice(0, 200))],
    [/tls.key: it is no private key/, () => write('tls.key', good.keyPem.slice(0, 60))],
    [/tls.crt: there is no such file/, () => unlinkSync(join(folder, 'tls.crt'))],
    [/leads to none of the 1 roots/, () => put(stranger.issue())],
    [/ca.crt: .*no root certificate/, () => write('ca.crt', '')],
    [/has expired/, () => put(ca.issue(lasting(-1000)))],
    [/2 URI names/, () => put(ca.issue({ uris: ['spiffe://test.example/a', 'spiffe://test.example/b'] }))],
    [/is larger than/, () => write('tls.crt', 'x'.repeat(2 ** 20 + 1))],
  ]
  for (const [reason, damage] of spoil) {
    damage()
    await problemIs(reason)
    assert.equal(identity.current, current)
    assert.equal(identity.refusal(), undefined)
    put(good)
    await problemIs(/^$/)
  }
  const warnings = logged.filter((line) => /the key is not that of/.test(line) && !line.includes('no longer'))
  assert.equal(warnings.length, 1, logged.join('\n'))
})

const lasting = (lifetimeMs: number): IssueOptions => ({ lifetimeMs, backdateMs: 3_600_000 })

test('a file that is still being written is not taken, however long it takes', async () => {
  const good = ca.issue()
  put(good)
  await during(begin())
  const current = identity.current
  const next = ca.issue()
  write('tls.key', next.keyPem)
  for (let part = 1; part <= 20; part++) {
    write('tls.crt', next.certPem.slice(0, (next.certPem.length * part) / 20))
    await pass(100)
    if (part < 20) assert.equal(identity.current, current)
  }
  await generationIs(2)
})

test('a certificate that begins in a moment is taken when it does, with the files unchanged', async () => {
  put(ca.issue())
  await during(begin())
  put(ca.issue({ notBeforeMs: wall() + 10_000, notAfterMs: wall() + 1_000_000 }))
  await problemIs(/not yet valid/)
  await pass(12_000)
  await generationIs(2)
  assert.equal(problem(), '')
})

test('a root that goes takes trust with it at once, one that comes does not', async () => {
  const next = TestCa.create({ wall })
  put(ca.issue())
  await during(begin())
  const peer = identity.judge(ca.issue({ service: 'billing' }).chain)
  assert.ok(!isMeshError(peer))
  write('ca.crt', next.rootPem + ca.rootPem)
  await generationIs(2)
  assert.equal(identity.objection(peer), undefined)
  put(next.issue(), next.rootPem)
  await generationIs(3)
  assert.deepEqual(changes, ['renewed', 'renewed', 'renewed', 'trust'])
  assert.match(identity.objection(peer)?.message ?? '', /leads to none of the roots/)
})

test('at the start missing files are waited for, and then named', async () => {
  const starting = begin()
  starting.catch(() => {})
  await pass(2000)
  put(ca.issue())
  await during(starting)
  await identity.close()
  assert.equal(identity.id?.endsWith('/svc/orders'), true)
  rmSync(join(folder, 'tls.key'))
  await assert.rejects(during(begin()), (error: unknown) => {
    assert.ok(isMeshError(error) && error.code === 'TULLE_IDENTITY')
    assert.match(
      error.message,
      /no usable certificate in .*tls.crt, .*tls.key and .*ca.crt: .*tls.key: there is no such file/,
    )
    return true
  })
})

test('a key that others may read is warned about with what to run, a group that may read is not', async () => {
  put(ca.issue())
  chmodSync(join(folder, 'tls.key'), 0o644)
  await during(begin())
  await problemIs(/tls.key has mode 0644.*chmod 600/)
  assert.equal(identity.refusal(), undefined)
  put(ca.issue())
  chmodSync(join(folder, 'tls.key'), 0o640)
  await problemIs(/^$/)
})

test('after a close nothing is looked at any more', async () => {
  put(ca.issue())
  await during(begin())
  await identity.close()
  await settled()
  assert.equal(clock.armed, 0)
})
