import type { Command } from 'commander'
import { createTwoFilesPatch, FILE_HEADERS_ONLY } from 'diff'
import { MeshError } from '../core/errors.ts'
import { type AdminOptions, type Ask, asAdmin, WRITE_MS, withPlane } from './admin.ts'
import { sequenceWire, type VersionWire, versionsWire, versionWire } from './admin-wire.ts'
import type { Io } from './io.ts'
import { sequence } from './policy-push.ts'
import { table } from './table.ts'
import { moment } from './when.ts'
import type { World } from './world.ts'

interface GetOptions extends AdminOptions {
  readonly at?: number
}

interface RollbackOptions extends AdminOptions {
  readonly message: string
  readonly author?: string
}

/** `tulle policy get|history|diff|rollback`: the versions the plane keeps. */
export function registerPolicyVersions(policy: Command, io: Io, world: World): void {
  const json = (value: unknown): void => io.out(`${JSON.stringify(value, null, 2)}\n`)

  asAdmin(
    policy
      .command('get')
      .description('print a document of the policy as it was pushed, or all of them')
      .argument('[name]', 'the document, such as orders.yaml; without it all are printed')
      .option('--at <sequence>', 'of this version; default the newest', sequence),
  )
    .addHelpText(
      'after',
      '\nExamples:\n  tulle policy get\n  tulle policy get orders.yaml --at 12 > orders.yaml\n',
    )
    .action(async (name: string | undefined, options: GetOptions) => {
      const found = await withPlane(options, world, async (ask) =>
        version(ask, options.at ?? (await newest(ask)).at(-1)),
      )
      const documents = found.documents.filter((document) => name === undefined || document.name === name)
      if (name !== undefined && documents.length === 0)
        throw new MeshError('TULLE_POLICY', `version ${found.sequence} has no document ${name}`, {
          layer: 'cli',
          hint: `It has: ${found.documents.map((document) => document.name).join(', ') || 'none'}.`,
        })
      if (options.json) json({ sequence: found.sequence, documents })
      else
        for (const document of documents)
          io.out(name === undefined ? `# ${document.name}\n${ended(document.text)}\n` : document.text)
    })

  asAdmin(policy.command('history').description('the versions of the policy, newest first: who, when, why'))
    .addHelpText('after', '\nExample:\n  tulle policy history\n')
    .action(async (options: AdminOptions) => {
      const { versions } = await withPlane(options, world, (ask) =>
        ask(versionsWire, { method: 'GET', path: '/v1/policy/versions' }),
      )
      const shown = [...versions].sort((a, b) => b.sequence - a.sequence)
      if (options.json) json(shown)
      else
        io.out(
          table(
            ['version', 'time', 'author', 'message'],
            shown.map(({ sequence: number, at, author, message }) => [
              String(number),
              moment(at),
              author,
              message,
            ]),
          ),
        )
    })

  asAdmin(
    policy
      .command('diff')
      .description('what changed between two versions of the policy, as a unified diff')
      .argument('[from]', 'default the one before the newest', sequence)
      .argument('[to]', 'default the newest', sequence),
  )
    .addHelpText('after', '\nExamples:\n  tulle policy diff\n  tulle policy diff 12 14\n')
    .action(async (from: number | undefined, to: number | undefined, options: AdminOptions) => {
      const [before, after] = await withPlane(options, world, async (ask) => {
        const known = from === undefined || to === undefined ? await newest(ask) : []
        return [await version(ask, from ?? known.at(-2)), await version(ask, to ?? known.at(-1))]
      })
      if (options.json) json({ from: before, to: after })
      else io.out(unified(before, after))
    })

  asAdmin(
    policy
      .command('rollback')
      .description('push the documents of an older version again, as a new version')
      .argument('<sequence>', 'the version to go back to', sequence)
      .option('-m, --message <text>', 'why, for the history', '')
      .option('--author <name>', 'who, for the history; default the user and host of this machine'),
  )
    .addHelpText('after', '\nExample:\n  tulle policy rollback 12 -m "the new limit was too low"\n')
    .action(async (to: number, options: RollbackOptions) => {
      const body = { to, message: options.message, author: options.author ?? world.author }
      const done = await withPlane(options, world, (ask) =>
        ask(sequenceWire, { method: 'POST', path: '/v1/policy/rollback', body, waitMs: WRITE_MS }),
      )
      if (options.json) json(done)
      else io.out(`version ${done.sequence} has the documents of version ${to}\n`)
    })
}

/** The sequences there are, oldest first. */
async function newest(ask: Ask): Promise<readonly number[]> {
  const { versions } = await ask(versionsWire, { method: 'GET', path: '/v1/policy/versions' })
  return versions.map((one) => one.sequence).sort((a, b) => a - b)
}

const NOTHING: VersionWire = { sequence: 0, author: '', message: '', at: 0, documents: [] }

/** Before the first version there was an empty policy. */
async function version(ask: Ask, number: number | undefined): Promise<VersionWire> {
  if (number === undefined || number === 0) return NOTHING
  return ask(versionWire, { method: 'GET', path: `/v1/policy/versions/${number}` })
}

function unified(from: VersionWire, to: VersionWire): string {
  const textIn = ({ documents }: VersionWire, name: string): string | undefined =>
    documents.find((document) => document.name === name)?.text
  const names = new Set([...from.documents, ...to.documents].map(({ name }) => name))
  return [...names]
    .sort()
    .filter((name) => textIn(from, name) !== textIn(to, name))
    .map((name) => {
      const [before, after] = [textIn(from, name), textIn(to, name)]
      const header = (side: VersionWire, text: string | undefined): string =>
        text === undefined ? '/dev/null' : `${name}\tversion ${side.sequence}`
      return createTwoFilesPatch(
        header(from, before),
        header(to, after),
        before ?? '',
        after ?? '',
        undefined,
        undefined,
        { headerOptions: FILE_HEADERS_ONLY },
      )
    })
    .join('')
}

const ended = (text: string): string => (text.endsWith('\n') ? text : `${text}\n`)
