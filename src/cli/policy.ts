import type { Command } from 'commander'
import { policyJsonSchema } from '../policy/json-schema.ts'
import { problemText } from '../policy/problem.ts'
import { policyPieces } from '../stack.ts'
import { type Checked, checkPolicy, hostsFrom } from './check-policy.ts'
import { Failed, type Io } from './io.ts'
import { registerPolicyPush } from './policy-push.ts'
import { registerPolicyStatus } from './policy-status.ts'
import { registerPolicyVersions } from './policy-versions.ts'
import { count } from './table.ts'
import type { World } from './world.ts'

interface CheckOptions {
  readonly strict?: boolean
  readonly json?: boolean
  readonly hosts?: string
}

/** `tulle policy …`: what needs no plane is here, the rest in its own files. */
export function registerPolicy(program: Command, io: Io, world: World): void {
  const policy = program
    .command('policy')
    .description('policy documents: their schema, what is wrong with them, and the versions the plane has')
  policy
    .command('schema')
    .description('print the JSON Schema of a policy document, for editors')
    .addHelpText('after', '\nExample:\n  tulle policy schema > mesh.schema.json\n')
    .action(() => io.out(`${JSON.stringify(policyJsonSchema(policyPieces), null, 2)}\n`))
  policy
    .command('check')
    .description('check files and folders of policy documents as one policy')
    .argument('<path...>', 'files, or folders of *.yaml, *.yml and *.json')
    .option('--strict', 'fail on warnings too')
    .option('--json', 'print one JSON object instead of lines')
    .option('--hosts <patterns>', 'host names that hosts: may claim, as in TULLE_POLICY_HOSTS')
    .addHelpText('after', '\nExample:\n  tulle policy check --strict policy/\n')
    .action(async (paths: string[], options: CheckOptions) => {
      const hosts = hostsFrom(options.hosts, world.env.TULLE_POLICY_HOSTS)
      const checked = await checkPolicy(paths, policyPieces, hosts)
      io.out(options.json === true ? `${JSON.stringify(checked, null, 2)}\n` : lines(checked))
      const failing = checked.warnings.some(({ level }) => level === 'warning')
      if (checked.mistakes.length > 0 || (options.strict === true && failing)) throw new Failed()
    })
  for (const register of [registerPolicyPush, registerPolicyVersions, registerPolicyStatus])
    register(policy, io, world)
}

function lines({ mistakes, warnings, documents, services }: Checked): string {
  return [
    ...mistakes.map((mistake) => `mistake  ${problemText(mistake)}`),
    ...warnings.map((warning) => `${warning.level.padEnd(8)} ${problemText(warning)}`),
    `${count(documents, 'document')}, ${count(services, 'service')}: ${count(mistakes.length, 'mistake')}, ${count(warnings.filter(({ level }) => level === 'warning').length, 'warning')}`,
    '',
  ].join('\n')
}
