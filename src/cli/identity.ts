import type { Command } from 'commander'
import { type AdminOptions, asAdmin, segment, withPlane } from './admin.ts'
import { anything, bansWire } from './admin-wire.ts'
import type { Io } from './io.ts'
import { table } from './table.ts'
import { moment } from './when.ts'
import type { World } from './world.ts'

/** `tulle identity`: services that get no certificate any more, and that nobody talks to. */
export function registerIdentity(program: Command, io: Io, world: World): void {
  const identity = program.command('identity').description('which services are members of the mesh no more')
  const change = (name: 'ban' | 'unban', method: 'PUT' | 'DELETE', describe: string, done: string): void => {
    asAdmin(identity.command(name).description(describe).argument('<service>', 'the name of the service'))
      .addHelpText('after', `\nExample:\n  tulle identity ${name} orders\n`)
      .action(async (service: string, options: AdminOptions) => {
        await withPlane(options, world, (ask) =>
          ask(anything, { method, path: `/v1/bans/${segment(service)}` }),
        )
        io.out(
          options.json ? `${JSON.stringify({ service, banned: name === 'ban' })}\n` : `${service} ${done}\n`,
        )
      })
  }
  change(
    'ban',
    'PUT',
    'renew no certificate of a service, and tell every process to refuse the ones it has',
    'is banned: no certificate is renewed, and members refuse it as soon as they hear of it',
  )
  change(
    'unban',
    'DELETE',
    'take a service back: its certificates are renewed and accepted again',
    'is a member again',
  )
  asAdmin(identity.command('list').description('the services that are banned'))
    .addHelpText('after', '\nExample:\n  tulle identity list --json\n')
    .action(async (options: AdminOptions) => {
      const { bans } = await withPlane(options, world, (ask) =>
        ask(bansWire, { method: 'GET', path: '/v1/bans' }),
      )
      const rows = bans.map(({ service, sinceMs, reason }) => [service, moment(sinceMs), reason ?? ''])
      io.out(
        options.json ? `${JSON.stringify(bans, null, 2)}\n` : table(['service', 'banned', 'reason'], rows),
      )
    })
}
