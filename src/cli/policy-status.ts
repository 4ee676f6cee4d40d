import type { Command } from 'commander'
import { type AdminOptions, asAdmin, withPlane } from './admin.ts'
import { subscribersWire, versionsWire } from './admin-wire.ts'
import { Failed, type Io } from './io.ts'
import { count, table } from './table.ts'
import { span } from './when.ts'
import type { World } from './world.ts'

interface StatusOptions extends AdminOptions {
  readonly strict?: boolean
}

/** `tulle policy status`: which process runs which version, and who refused what. */
export function registerPolicyStatus(policy: Command, io: Io, world: World): void {
  asAdmin(
    policy
      .command('status')
      .description('which process runs which version of the policy, and who refused one and why')
      .option('--strict', 'exit with 1 unless every process runs the newest version'),
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
      const current = subscribers.filter((one) => one.sequence === sequence && one.refused.length === 0)
      if (options.json) io.out(`${JSON.stringify({ sequence, subscribers }, null, 2)}\n`)
      else {
        const rows = subscribers.map((one) => [
          one.service,
          one.instance,
          String(one.sequence),
          one.refused.length > 0 ? 'refused' : one.sequence === sequence ? 'current' : 'behind',
          `${span(Math.max(0, world.wall() - one.seen))} ago`,
        ])
        const why = subscribers.flatMap(({ instance, refused }) =>
          refused.map((reason) => `refused by ${instance}: ${reason}\n`),
        )
        io.out(
          `newest version ${sequence}; ${current.length} of ${count(subscribers.length, 'instance')} on it\n${table(['service', 'instance', 'version', 'state', 'seen'], rows)}${why.join('')}`,
        )
      }
      if (options.strict && current.length < subscribers.length) throw new Failed()
    })
}
