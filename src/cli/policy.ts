import type { Command } from 'commander'
import { policyJsonSchema } from '../policy/json-schema.ts'
import { problemText } from '../policy/problem.ts'
import { policyPieces } from '../stack.ts'
import { type Checked, checkPolicy } from './check-policy.ts'
import { Failed, type Io } from './io.ts'

interface CheckOptions {
  readonly strict?: boolean
  readonly json?: boolean
  readonly hosts?: string
}

/** `tulle policy schema` and `tulle policy check`. */
export function registerPolicy(program: Command, io: Io): void {
  const policy = program
    .command('policy')
    .description('policy documents: their schema, and what is wrong with them')
  policy
    .command('schema')
    .description('print the JSON Schema of a policy document, for editors')
    .action(() => io.out(`${JSON.stringify(policyJsonSchema(policyPieces), null, 2)}\n`))
  policy
    .command('check')
    .description('check files and folders of policy documents as one policy')
    .argument('<path...>', 'files, or folders of *.yaml, *.yml and *.json')
    .option('--strict', 'fail on warnings too')
    .option('--json', 'print one JSON object instead of lines')
    .option('--hosts <patterns>', 'host names that hosts: may claim, as in TULLE_POLICY_HOSTS')
    .action(async (paths: string[], options: CheckOptions) => {
      const hosts = options.hosts || process.env.TULLE_POLICY_HOSTS || undefined
      const checked = await checkPolicy(
        paths,
        policyPieces,
        hosts
          ?.toLowerCase()
          .split(',')
          .map((host) => host.trim()),
      )
      io.out(options.json === true ? `${JSON.stringify(checked, null, 2)}\n` : lines(checked))
      const failing = checked.warnings.some(({ level }) => level === 'warning')
      if (checked.mistakes.length > 0 || (options.strict === true && failing)) throw new Failed()
    })
}

function lines({ mistakes, warnings, documents, services }: Checked): string {
  return [
    ...mistakes.map((mistake) => `mistake  ${problemText(mistake)}`),
    ...warnings.map((warning) => `${warning.level.padEnd(8)} ${problemText(warning)}`),
    `${count(documents, 'document')}, ${count(services, 'service')}: ${count(mistakes.length, 'mistake')}, ${count(warnings.filter(({ level }) => level === 'warning').length, 'warning')}`,
    '',
  ].join('\n')
}

function count(number: number, what: string): string {
  return `${number === 0 ? 'no' : number} ${what}${number === 1 ? '' : 's'}`
}
