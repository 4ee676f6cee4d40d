import { type Command, InvalidArgumentError } from 'commander'
import { type AdminOptions, asAdmin, segment, withPlane } from './admin.ts'
import { anything, mintedWire, tokensWire } from './admin-wire.ts'
import type { Io } from './io.ts'
import { table } from './table.ts'
import { lifetime, moment } from './when.ts'
import type { World } from './world.ts'

interface CreateOptions extends AdminOptions {
  readonly expires?: number
  readonly uses?: number
}

/** `tulle token`: the secrets with which a process asks for its first certificate. */
export function registerToken(program: Command, io: Io, world: World): void {
  const token = program
    .command('token')
    .description('join tokens: with one a process gets the first certificate of its service')
  asAdmin(
    token
      .command('create')
      .description('make a join token for a service, and print it: it is shown this once')
      .argument('<service>', 'the service whose certificate it is good for')
      .option('--expires <duration>', 'after this it is good for nothing: 12h, 30d, 4w', lifetime)
      .option('--uses <n>', 'how many processes may join with it; default any number', uses),
  )
    .addHelpText(
      'after',
      '\nExamples:\n  TULLE_JOIN_TOKEN="$(tulle token create orders)" node orders.js\n  tulle token create orders --expires 30d\n  tulle token create migration --uses 1 --expires 1h\n',
    )
    .action(async (service: string, options: CreateOptions) => {
      const body = { service, expiresInMs: options.expires, uses: options.uses }
      const made = await withPlane(options, world, (ask) =>
        ask(mintedWire, { method: 'POST', path: '/v1/tokens', body }),
      )
      io.out(options.json ? `${JSON.stringify(made, null, 2)}\n` : `${made.token}\n`)
      if (!options.json) io.err(`token ${made.id} of ${service}; it is not shown again\n`)
    })
  asAdmin(token.command('list').description('the join tokens there are, without their secrets'))
    .addHelpText('after', '\nExamples:\n  tulle token list\n  tulle token list --json\n')
    .action(async (options: AdminOptions) => {
      const { tokens } = await withPlane(options, world, (ask) =>
        ask(tokensWire, { method: 'GET', path: '/v1/tokens' }),
      )
      const rows = tokens.map((one) => [
        one.id,
        one.service,
        one.createdAtMs === undefined ? '' : moment(one.createdAtMs),
        one.revoked ? 'revoked' : one.expiresAtMs === undefined ? 'never' : moment(one.expiresAtMs),
        one.uses === undefined ? 'any' : `${one.uses - one.used} of ${one.uses}`,
      ])
      io.out(
        options.json
          ? `${JSON.stringify(tokens, null, 2)}\n`
          : table(['id', 'service', 'created', 'expires', 'uses left'], rows),
      )
    })
  asAdmin(
    token
      .command('revoke')
      .description('make a token good for nothing; who has joined with it keeps the certificate')
      .argument('<id>', 'as `tulle token list` prints it'),
  )
    .addHelpText(
      'after',
      '\nExample:\n  tulle token revoke 4f1c0a9b8d7e6f50\n\nTo stop a service that has joined: tulle identity ban <service>\n',
    )
    .action(async (id: string, options: AdminOptions) => {
      await withPlane(options, world, (ask) =>
        ask(anything, { method: 'DELETE', path: `/v1/tokens/${segment(id)}` }),
      )
      io.out(options.json ? `${JSON.stringify({ revoked: id })}\n` : `token ${id} is revoked\n`)
    })
}

function uses(text: string): number {
  const number = Number(text)
  if (!Number.isInteger(number) || number < 1)
    throw new InvalidArgumentError('expected a whole number from 1.')
  return number
}
