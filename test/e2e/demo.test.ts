import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Cleanup } from '../kit/process.ts'

interface Line {
  readonly ok: boolean
  readonly seconds: number
  readonly scenes: readonly {
    readonly name: string
    readonly held: boolean
    readonly requests: number
    readonly failed: number
    readonly plain: { readonly sent: number; readonly executedTwice: number }
    readonly shown: string
  }[]
}

const PROGRAM = fileURLToPath(new URL(`../../examples/demo/main${extname(import.meta.url)}`, import.meta.url))

/** The demo with a folder for its temporary files that must be empty in the end. */
function demo(t: Cleanup, args: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'demo-test-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TMPDIR: folder },
  })
  t.after(() => child.kill('SIGKILL'))
  return { child, nothingIsLeft: () => assert.deepEqual(readdirSync(folder), []) }
}

/** A part of the show: `.ci/run` plays the whole of it, alone on its machine, and holds it to its minute. */
async function plays(t: Cleanup, scenes: readonly string[], ...options: readonly string[]): Promise<Line> {
  const { child, nothingIsLeft } = demo(t, [...options, ...scenes.flatMap((name) => ['--scene', name])])
  const [output, problems, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ])
  assert.equal(code, 0, `${output}\n${problems}`)
  const line = JSON.parse(output.trimEnd().split('\n').at(-1)!) as Line
  assert.ok(line.ok)
  assert.deepEqual(
    line.scenes.map((scene) => scene.name),
    scenes,
  )
  for (const { name, held, requests, failed, plain, shown } of line.scenes) {
    assert.ok(held, `${name}: ${shown}`)
    assert.ok(requests > 0 && plain.sent > 0, `${name} had no traffic`)
    assert.equal(failed, 0, name)
    assert.equal(plain.executedTwice, 0, name)
  }
  nothingIsLeft()
  return line
}

test('the demo plays the scenes it is asked for on a plane, they hold, and it ends with their figures as JSON', async (t) => {
  const { scenes } = await plays(t, ['killed', 'bad-policy', 'traced', 'plane-down', 'impostors'])
  const shown = new Map(scenes.map((scene) => [scene.name, scene.shown]))
  assert.match(shown.get('bad-policy')!, /services\.orders\.retry\.limit: .* \(orders\.yaml:\d+:\d+\)/)
  assert.match(shown.get('impostors')!, /TULLE_PLAINTEXT_REFUSED.*TULLE_PEER/)
})

test('the demo plays without a plane', async (t) => {
  await plays(t, ['bad-policy'], '--no-plane')
})

test('the demo plays on Consul: an intention, an agent that is away, and the leader killed without a failed call', async (t) => {
  const { scenes } = await plays(
    t,
    ['balanced', 'bad-policy', 'forbidden', 'agent-down', 'leader'],
    '--consul',
  )
  const shown = new Map(scenes.map((scene) => [scene.name, scene.shown]))
  assert.match(
    shown.get('bad-policy')!,
    /services\.orders\.retry\.limit: .*consul:\/\/demo\/policy\/orders\.yaml:\d+:\d+/,
  )
  assert.match(shown.get('leader')!, /took over after .*; no call failed/)
})

for (const args of [
  ['--scene', 'rotation'],
  ['--consul', '--scene', 'ca-rotated'],
])
  test(`a demo that is interrupted ends, and leaves nothing behind: ${args.join(' ')}`, async (t) => {
    const { child, nothingIsLeft } = demo(t, args)
    const exit = once(child, 'exit')
    for await (const chunk of child.stdout.setEncoding('utf8')) if (/they serve/.test(chunk)) break
    child.kill('SIGINT')
    assert.deepEqual(await exit, [130, null])
    nothingIsLeft()
  })
