import type { Command } from 'commander'
import { type Config, readConfig } from '../config.ts'
import type { Io } from './io.ts'
import type { World } from './world.ts'

/** `tulle config`: what a mesh started in this environment would run with, and where each value comes from. */
export function registerConfig(program: Command, io: Io, { env }: Pick<World, 'env'>): void {
  program
    .command('config')
    .description('print the effective configuration and the source of each value, secrets masked')
    .option('--json', 'print one JSON object instead of lines')
    .addHelpText('after', '\nExample:\n  TULLE_SERVICE=orders tulle config\n')
    .action(({ json }: { readonly json?: boolean }) => {
      const config = readConfig({ env })
      io.out(json === true ? `${JSON.stringify(object(config), null, 2)}\n` : lines(config))
    })
}

const textOf = (shown: string): string => (shown === '' ? '(none)' : shown)

function lines({ origins, warnings }: Config): string {
  const names = Math.max(...origins.map(({ setting }) => setting.variable.length))
  const sources = Math.max(...origins.map(({ source }) => source.length))
  return [
    ...origins.map(
      ({ setting, shown, source }) =>
        `${setting.variable.padEnd(names)}  ${source.padEnd(sources)}  ${textOf(shown)}`,
    ),
    ...warnings.map((warning) => `warning: ${warning}`),
    '',
  ].join('\n')
}

function object({ origins, warnings }: Config): object {
  const values = origins.map(
    ({ setting, shown, source }) => [setting.variable, { value: shown, source }] as const,
  )
  return { values: Object.fromEntries(values), warnings }
}
