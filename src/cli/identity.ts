import type { Command } from 'commander'
import { type AdminOptions, asAdmin, segment, withPlane } from './admin.ts'
import { anything, bansWire } from './admin-wire.ts'
import type { Io } from './io.ts'
import { table } from './table.ts'
import { moment } from './when.ts'
import type { World } from './world.ts'

interface BanOptions extends AdminOptions {
  readonly reason?: string
}

/** `tulle identity`: services that get no certificate any more, and that nobody talks to. */
export function registerIdentity(program: Command, io: Io, world: World): void {
  const identity = program.command('identity').description('which services are members of the mesh no more')
  const change = async (
    service: string,
    options: BanOptions,
    method: 'PUT' | 'DELETE',
    done: string,
  ): Promise<void> => {
    const body = options.reason === undefined ? undefined : { reason: options.reason }
    await withPlane(options, world, (ask) =>
      ask(anything, { method, path: `/v1/bans/${segment(service)}`, ...(body && { body }) }),
    )
    const banned = method === 'PUT'
    io.out(options.json ? `${JSON.stringify({ service, banned })}\n` : `${service} ${done}\n`)
  }
  asAdmin(
    identity
      .command('ban')
      .description('renew no certificate of a service, and tell every process to refuse the ones it has')
      .argument('<service>', 'the name of the service')
      .option('--reason <text>', 'why, for the list and the audit log'),
  )
    .addHelpText('after', '\nExample:\n  tulle identity ban orders --reason "its key was in a log"\n')
    .action((service: string, options: BanOptions) =>
      change(
        service,
        options,
        'PUT',
        'is banned: no certificate is renewed, and members refuse it as soon as they hear of it',
      ),
    )
  asAdmin(
    identity
      .command('unban')
      .description('take a service back: its certificates are renewed and accepted again')
      .argument('<service>', 'the name of the service'),
  )
    .addHelpText('after', '\nExample:\n  tulle identity unban orders\n')
    .action((service: string, options: AdminOptions) =>
      change(service, options, 'DELETE', 'is a member again'),
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
