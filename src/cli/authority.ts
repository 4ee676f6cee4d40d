import type { Command } from 'commander'
import { type AdminOptions, asAdmin, withPlane } from './admin.ts'
import { anything, authorityWire } from './admin-wire.ts'
import type { Io } from './io.ts'
import { table } from './table.ts'
import { moment, span } from './when.ts'
import type { World } from './world.ts'

interface RetireOptions extends AdminOptions {
  readonly force?: boolean
}

/** `tulle ca`: the roots of the mesh, and how one takes the place of another. */
export function registerAuthority(program: Command, io: Io, world: World): void {
  const ca = program
    .command('ca')
    .description('the certificate authority of the mesh: its roots and their rotation')
  asAdmin(ca.command('show').description('the roots in the bundle, which of them signs, and until when'))
    .addHelpText('after', '\nExample:\n  tulle ca show\n')
    .action(async (options: AdminOptions) => {
      const { trustDomain, roots } = await withPlane(options, world, (ask) =>
        ask(authorityWire, { method: 'GET', path: '/v1/ca' }),
      )
      const rows = roots.map(({ sha256, active, notAfter }) => [
        sha256.slice(0, 16),
        active ? 'signs' : 'trusted',
        moment(notAfter),
        notAfter > world.wall() ? span(notAfter - world.wall()) : 'over',
      ])
      io.out(
        options.json
          ? `${JSON.stringify({ trustDomain, roots }, null, 2)}\n`
          : `trust domain ${trustDomain}\n${table(['root (sha-256)', 'use', 'until', 'left'], rows)}`,
      )
    })
  asAdmin(
    ca
      .command('rotate')
      .description('make a new root that signs from now on; the old one stays trusted until it is retired'),
  )
    .addHelpText(
      'after',
      '\nExample:\n  tulle ca rotate\n  tulle policy status     # wait until everybody has renewed: one SVID lifetime\n  tulle ca retire\n',
    )
    .action(async (options: AdminOptions) => {
      const said = await withPlane(options, world, (ask) =>
        ask(anything, { method: 'POST', path: '/v1/ca/rotate' }),
      )
      io.out(
        options.json
          ? `${JSON.stringify(said ?? {}, null, 2)}\n`
          : 'a new root signs from now on; retire the old one when every certificate it signed is over (tulle ca retire)\n',
      )
    })
  asAdmin(
    ca
      .command('retire')
      .description('trust the old root no more; refused while certificates it signed may still live')
      .option('--force', 'retire it now: whoever still shows a certificate of it is refused from then on'),
  )
    .addHelpText(
      'after',
      '\nExamples:\n  tulle ca retire\n  tulle ca retire --force     # the old key is in wrong hands\n',
    )
    .action(async (options: RetireOptions) => {
      const body = { force: options.force === true }
      const said = await withPlane(options, world, (ask) =>
        ask(anything, { method: 'POST', path: '/v1/ca/retire', body }),
      )
      io.out(
        options.json ? `${JSON.stringify(said ?? {}, null, 2)}\n` : 'the old root is out of the bundle\n',
      )
    })
}
