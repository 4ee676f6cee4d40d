import type { Command } from 'commander'
import { type Config, readConfig } from '../config.ts'
import { isMeshError } from '../core/errors.ts'
import { checkConsul } from './check/consul.ts'
import { checkOpenTelemetry, checkUndici } from './check/copies.ts'
import { type Finding, fail, pass, warn } from './check/finding.ts'
import { checkIdentity } from './check/identity.ts'
import { dependenciesOf, findCopies } from './check/installed.ts'
import { type KeptState, keptIdentity, readKept } from './check/kept.ts'
import { checkLibraries } from './check/libraries.ts'
import { checkNode } from './check/node-version.ts'
import { checkPlanes } from './check/planes.ts'
import { checkPolicyInForce } from './check/policy.ts'
import { checkStateDirectory } from './check/state-directory.ts'
import { planeTarget } from './check/target.ts'
import { Failed, type Io } from './io.ts'
import { count } from './table.ts'
import type { World } from './world.ts'

interface Group {
  readonly name: string
  readonly findings: readonly Finding[]
}

/** `tulle check`: what would go wrong for a service started here, in this environment, as this user. */
export function registerCheck(program: Command, io: Io, world: World): void {
  program
    .command('check')
    .description(
      'look at everything a service started here needs: configuration, state, plane, identity, policy, packages',
    )
    .option('--json', 'print one JSON object instead of lines')
    .addHelpText(
      'after',
      '\nRun it in the folder of the service, with its environment and as its user. Exit code 1: something fails.\n\nExamples:\n  tulle check\n  kubectl exec orders-0 -- npx tulle check --json\n',
    )
    .action(async ({ json }: { readonly json?: boolean }) => {
      const groups = await look(world)
      const of = (verdict: Finding['verdict']): number =>
        groups.flatMap(({ findings }) => findings).filter((finding) => finding.verdict === verdict).length
      const failures = of('fail')
      io.out(
        json
          ? `${JSON.stringify({ ok: failures === 0, groups }, null, 2)}\n`
          : `${groups.map(lines).join('\n')}\n${of('pass')} passed, ${count(of('warn'), 'warning')}, ${count(failures, 'failure')}\n`,
      )
      if (failures > 0) throw new Failed()
    })
}

async function look(world: World): Promise<readonly Group[]> {
  const { config, findings } = configuration(world)
  const groups: Group[] = [{ name: 'configuration', findings }]
  if (config !== undefined) groups.push(...(await member(config, world)))
  groups.push({ name: 'packages', findings: await packages(world) })
  return groups
}

/** Of a service that has, or should have, an identity; a mesh without one has only its policy. */
async function member(config: Config, world: World): Promise<readonly Group[]> {
  const joins = config.planes.length > 0 || Boolean(config.joinToken) || Boolean(config.certFile)
  const none: KeptState = { roots: [], trouble: [] }
  const kept = joins ? await readKept(config.stateDir, config.service) : none
  const target = planeTarget(config, kept, keptIdentity(kept, world.wall()))
  const policy: Group = { name: 'policy', findings: await checkPolicyInForce(config, kept, target, world) }
  const consul: readonly Group[] =
    config.discovery === 'consul' ? [{ name: 'consul', findings: await checkConsul(config, world) }] : []
  if (!joins) return [...consul, policy]
  const { stateDir: dir, stateKeys: keys } = config
  // Files alone need no plane at a restart, and so nothing kept.
  const keeps = target !== undefined || Boolean(dir)
  return [
    ...(keeps
      ? [{ name: 'state', findings: await checkStateDirectory({ dir, keys, user: process.getuid?.() }) }]
      : []),
    ...consul,
    ...(target === undefined ? [] : [{ name: 'plane', findings: await checkPlanes(target, world) }]),
    { name: 'identity', findings: await checkIdentity(config, kept, world.wall()) },
    policy,
  ]
}

function configuration({ env }: World): { config?: Config; findings: readonly Finding[] } {
  try {
    const config = readConfig({ env })
    const odd = config.warnings.map((warning) =>
      warn(warning, 'It is not read. `tulle config` prints what is.'),
    )
    return { config, findings: [pass(`the configuration of ${config.service} is valid`), ...odd] }
  } catch (error) {
    if (!isMeshError(error)) throw error
    return { findings: [fail(error.message, error.hint)] }
  }
}

async function packages({ cwd }: World): Promise<readonly Finding[]> {
  const copies = await findCopies(cwd, ['undici', '@opentelemetry/api'])
  const dependencies = await dependenciesOf(cwd)
  return [
    checkNode(process.version),
    checkUndici(copies.get('undici') ?? [], process.version),
    checkOpenTelemetry(copies.get('@opentelemetry/api') ?? []),
    ...(dependencies === undefined ? [] : [checkLibraries(dependencies)]),
  ]
}

function lines({ name, findings }: Group): string {
  const all = findings.map(({ verdict, says, hint }) =>
    hint === undefined ? `  ${verdict}  ${says}\n` : `  ${verdict}  ${says}\n        ${hint}\n`,
  )
  return `${name}\n${all.join('')}`
}
