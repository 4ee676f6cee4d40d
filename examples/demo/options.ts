import { parseArgs } from 'node:util'
import { type Setting, scenesFor } from './scenes/index.ts'
import type { Scene } from './stage.ts'

export interface Options {
  readonly keep: boolean
  readonly help: boolean
  readonly setting: Setting
  readonly scenes: readonly Scene[]
}

/** @throws Error that says what is accepted */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      keep: { type: 'boolean', default: false },
      'no-plane': { type: 'boolean', default: false },
      consul: { type: 'boolean', default: false },
      scene: { type: 'string', multiple: true },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  const setting = values.consul ? 'consul' : values['no-plane'] ? 'static' : 'plane'
  return {
    setting,
    keep: values.keep,
    help: values.help,
    scenes: values.scene === undefined ? scenesFor(setting) : chosen(values.scene, setting),
  }
}

function chosen(names: readonly string[], setting: Setting): readonly Scene[] {
  const scenes = scenesFor(setting)
  return names.map((name) => {
    const scene = scenes.find((one) => one.name === name)
    if (scene === undefined)
      throw new Error(
        `there is no scene "${name}"${WHERE[setting]}; there are: ${scenes.map((one) => one.name).join(', ')}`,
      )
    return scene
  })
}

const WHERE: Readonly<Record<Setting, string>> = {
  plane: '',
  consul: ' on Consul',
  static: ' without a plane',
}

export function usage(): string {
  const lines = (setting: Setting, without: readonly Scene[] = []): string[] =>
    scenesFor(setting)
      .filter((scene) => !without.includes(scene))
      .map(({ name, headline }) => `  ${name.padEnd(11)} ${headline}`)
  return `npm run demo [-- options]

Starts a plane and eight processes, web → orders ×3 → stock ×2 over HTTP and
pricing ×2 over gRPC, which get addresses, policy and certificates from it and
talk mutual TLS. Drives traffic through web, and plays scenes.

  --scene <name>  play this scene alone; may be given several times
  --no-plane      without a plane: static addresses, a policy folder, plaintext;
                  the scenes about the plane and certificates are left out
  --consul        on three Consul servers and an agent, without a plane, with
                  certificates of Connect; Consul is fetched where it is missing
  --keep          stay afterwards, and say how to play with it, until Ctrl-C
  -h, --help      this page

Scenes:
${lines('plane').join('\n')}
With --consul also:
${lines('consul', scenesFor('plane')).join('\n')}

The last line of the output is the figures as JSON. Exit code 0: every scene
held; 1: one did not; 2: the command line was wrong. NO_COLOR is honoured;
without a terminal the output is plain lines.
`
}
