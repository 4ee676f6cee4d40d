import type { Command } from 'commander'
import { type AdminOptions, asAdmin, withPlane } from './admin.ts'
import { subscribersWire, versionsWire } from './admin-wire.ts'
import { Failed, type Io } from './io.ts'
import { plain, table } from './table.ts'
import { span } from './when.ts'
import type { World } from './world.ts'

interface StatusOptions extends AdminOptions {
  readonly strict?: boolean
}

/** Instances say a word every few seconds: one that is silent so long is gone, and no roll-out waits for it. */
const SILENT_MS = 60_000

/** `tulle policy status`: which process runs which version, and who refused what. */
export function registerPolicyStatus(policy: Command, io: Io, world: World): void {
  asAdmin(
    policy
      .command('status')
      .description('which process runs which version of the policy, and who refused one and why')
      .option('--strict', 'exit with 1 unless every instance that is alive runs the newest version'),
  )
    .addHelpText(
      'after',
      '\nExamples:\n  tulle policy status\n  until tulle policy status --strict; do sleep 1; done     # wait for a roll-out\n',
    )
    .action(async (options: StatusOptions) => {
      const { sequence, subscribers } = await withPlane(options, world, async (ask) => {
        const { versions } = await ask(versionsWire, { method: 'GET', path: '/v1/policy/versions' })
        const asked = await ask(subscribersWire, { method: 'GET', path: '/v1/subscribers' })
        return { sequence: Math.max(0, ...versions.map((one) => one.sequence)), ...asked }
      })
      const isSilent = ({ seen }: { readonly seen: number }): boolean => world.wall() - seen > SILENT_MS
      const alive = subscribers.filter((one) => !isSilent(one))
      const current = alive.filter((one) => one.sequence === sequence && one.refused.length === 0)
      if (options.json) io.out(`${JSON.stringify({ sequence, subscribers }, null, 2)}\n`)
      else {
        const rows = subscribers.map((one) => [
          one.service,
          one.instance,
          String(one.sequence),
          stateOf(one, sequence, isSilent(one)),
          `${span(Math.max(0, world.wall() - one.seen))} ago`,
        ])
        const why = subscribers.flatMap(({ instance, refused }) =>
          refused.map((reason) => `refused by ${plain(instance)}: ${plain(reason)}\n`),
        )
        io.out(
          `newest version ${sequence}; ${current.length} of ${alive.length} instances on it\n${table(['service', 'instance', 'version', 'state', 'seen'], rows)}${why.join('')}`,
        )
      }
      if (options.strict && current.length < alive.length) throw new Failed()
    })
}

function stateOf(
  one: { readonly sequence: number; readonly refused: readonly string[] },
  newest: number,
  silent: boolean,
): string {
  if (silent) return 'silent'
  if (one.refused.length > 0) return 'refused'
  return one.sequence === newest ? 'current' : 'behind'
}
