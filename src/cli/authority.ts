import type { Command } from 'commander'
import { type AdminOptions, asAdmin, withPlane } from './admin.ts'
import { type AuthorityWire, authorityWire } from './admin-wire.ts'
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
  const asks = (
    options: AdminOptions,
    request: { readonly method: 'GET' | 'POST'; readonly path: string; readonly body?: object },
  ): Promise<AuthorityWire> => withPlane(options, world, (ask) => ask(authorityWire, request))
  const print = (options: AdminOptions, now: AuthorityWire, words: string): void =>
    io.out(options.json ? `${JSON.stringify(now, null, 2)}\n` : `${words}${shown(now, world.wall())}`)

  asAdmin(ca.command('show').description('what signs and what is trusted, and until when'))
    .addHelpText('after', '\nExample:\n  tulle ca show\n')
    .action(async (options: AdminOptions) => {
      print(options, await asks(options, { method: 'GET', path: '/v1/ca' }), '')
    })
  asAdmin(
    ca
      .command('rotate')
      .description('make a new root that signs from now on; the old one stays trusted until it is retired'),
  )
    .addHelpText(
      'after',
      '\nExample:\n  tulle ca rotate\n  tulle ca show       # until when certificates of the old root may live\n  tulle ca retire     # after that\n',
    )
    .action(async (options: AdminOptions) => {
      const now = await asks(options, { method: 'POST', path: '/v1/ca/rotate' })
      print(
        options,
        now,
        `a new root signs from now on; the old one is trusted until \`tulle ca retire\`\n${TOKENS}`,
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
      const now = await asks(options, { method: 'POST', path: '/v1/ca/retire', body })
      print(options, now, `the old root is out of the bundle\n${TOKENS}`)
    })
}

/** Whoever finds this out after the old root is gone has no token left to ask with. */
const TOKENS =
  'Tokens made before name the old root and are good for nothing once it is retired: make new join tokens (tulle token create), and a new admin token (tulle plane --new-admin-token, at its next restart).\n'

function shown({ trustDomain, source, active, previous }: AuthorityWire, wallMs: number): string {
  const row = (use: string, { sha256, notAfterMs }: AuthorityWire['active'][number]): string[] => [
    use,
    sha256.slice(0, 16),
    moment(notAfterMs),
    notAfterMs > wallMs ? span(notAfterMs - wallMs) : 'over',
  ]
  const rows = active.map((one, place) =>
    row(place === 0 ? 'signs' : place === active.length - 1 ? 'root' : 'intermediate', one),
  )
  if (previous !== undefined) rows.push(row('old root', previous))
  const until =
    previous === undefined
      ? ''
      : `certificates of the old root may live until ${moment(previous.leavesUntilMs)}\n`
  const whose = source === 'brought' ? 'a CA brought along' : 'a root of its own'
  return `trust domain ${trustDomain}, ${whose}\n${table(['use', 'sha-256', 'until', 'left'], rows)}${until}`
}
