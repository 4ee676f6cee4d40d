import { parseArgs } from 'node:util'
import { scenesFor } from './scenes/index.ts'
import type { Scene } from './stage.ts'

export interface Options {
  readonly keep: boolean
  readonly help: boolean
  readonly plane: boolean
  readonly scenes: readonly Scene[]
}

/** @throws Error that says what is accepted */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      keep: { type: 'boolean', default: false },
      'no-plane': { type: 'boolean', default: false },
      scene: { type: 'string', multiple: true },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  const plane = !values['no-plane']
  return {
    plane,
    keep: values.keep,
    help: values.help,
    scenes: values.scene === undefined ? scenesFor(plane) : chosen(values.scene, plane),
  }
}

function chosen(names: readonly string[], plane: boolean): readonly Scene[] {
  const scenes = scenesFor(plane)
  return names.map((name) => {
    const scene = scenes.find((one) => one.name === name)
    if (scene === undefined)
      throw new Error(
        `there is no scene "${name}"${plane ? '' : ' without a plane'}; there are: ${scenes.map((one) => one.name).join(', ')}`,
      )
    return scene
  })
}

export function usage(): string {
  const scenes = scenesFor(true).map(({ name, headline }) => `  ${name.padEnd(11)} ${headline}`)
  return `npm run demo [-- options]

Starts a plane and eight processes, web → orders ×3 → stock ×2 over HTTP and
pricing ×2 over gRPC, which get addresses, policy and certificates from it and
talk mutual TLS. Drives traffic through web, and plays scenes.

  --scene <name>  play this scene alone; may be given several times
  --no-plane      without a plane: static addresses, a policy folder, plaintext;
                  the scenes about the plane and certificates are left out
  --keep          stay afterwards, and say how to play with it, until Ctrl-C
  -h, --help      this page

Scenes:
${scenes.join('\n')}

The last line of the output is the figures as JSON. Exit code 0: every scene
held; 1: one did not; 2: the command line was wrong. NO_COLOR is honoured;
without a terminal the output is plain lines.
`
}
