import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { extname } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

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

/** A part of the show: `.ci/run` plays the whole of it, alone on its machine, and holds it to its minute. */
const PLAYED = ['killed', 'bad-policy', 'traced']

test('the demo plays the scenes it is asked for, they hold, and it ends with their figures as JSON', async () => {
  const program = fileURLToPath(
    new URL(`../../examples/demo/main${extname(import.meta.url)}`, import.meta.url),
  )
  const demo = spawn(process.execPath, [program, ...PLAYED.flatMap((name) => ['--scene', name])], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [output, problems, [code]] = await Promise.all([
    text(demo.stdout),
    text(demo.stderr),
    once(demo, 'exit'),
  ])
  assert.equal(code, 0, `${output}\n${problems}`)
  const figures = JSON.parse(output.trimEnd().split('\n').at(-1)!) as Line
  assert.deepEqual(
    figures.scenes.map((scene) => scene.name),
    PLAYED,
  )
  for (const { name, held, requests, plain, shown } of figures.scenes) {
    assert.ok(held, `${name}: ${shown}`)
    assert.ok(requests > 0 && plain.sent > 0, `${name} had no traffic`)
    assert.equal(plain.executedTwice, 0, name)
  }
  assert.equal(figures.scenes.find((scene) => scene.name === 'killed')!.failed, 0)
  assert.ok(figures.ok)
})
