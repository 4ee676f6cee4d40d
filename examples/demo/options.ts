import { parseArgs } from 'node:util'
import { SCENES } from './scenes/index.ts'
import type { Scene } from './stage.ts'

export interface Options {
  readonly keep: boolean
  readonly help: boolean
  readonly scenes: readonly Scene[]
}

/** @throws Error that says what is accepted */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      keep: { type: 'boolean', default: false },
      scene: { type: 'string', multiple: true },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  return {
    keep: values.keep,
    help: values.help,
    scenes: (values.scene ?? []).length === 0 ? SCENES : chosen(values.scene ?? []),
  }
}

function chosen(names: readonly string[]): readonly Scene[] {
  return names.map((name) => {
    const scene = SCENES.find((one) => one.name === name)
    if (scene === undefined)
      throw new Error(`there is no scene "${name}"; there are: ${SCENES.map((one) => one.name).join(', ')}`)
    return scene
  })
}

export function usage(): string {
  const scenes = SCENES.map(({ name, headline }) => `  ${name.padEnd(11)} ${headline}`)
  return `npm run demo [-- options]

Starts six processes, web → orders ×3 → stock ×2, drives traffic through web,
and plays scenes.

  --scene <name>  play this scene alone; may be given several times
  --keep          stay afterwards, and say how to play with it, until Ctrl-C
  -h, --help      this page

Scenes:
${scenes.join('\n')}

The last line of the output is the figures as JSON. Exit code 0: every scene
held; 1: one did not; 2: the command line was wrong. NO_COLOR is honoured;
without a terminal the output is plain lines.
`
}
