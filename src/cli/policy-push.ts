import { basename } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import { MeshError } from '../core/errors.ts'
import { PlaneRefusal } from '../core/plane.ts'
import { type Problem, problemText } from '../policy/problem.ts'
import { policyPieces } from '../stack.ts'
import { type AdminOptions, asAdmin, WRITE_MS, withPlane } from './admin.ts'
import { problemsWire, sequenceWire } from './admin-wire.ts'
import { checkDocuments, hostsFrom, readDocuments } from './check-policy.ts'
import { Failed, type Io } from './io.ts'
import { count } from './table.ts'
import type { World } from './world.ts'

interface PushOptions extends AdminOptions {
  readonly message: string
  readonly author?: string
  readonly replace?: boolean
  readonly delete: readonly string[]
  readonly expected?: number
  readonly hosts?: string
}

/** `tulle policy push`: checked here first, then by the plane, with the same parsers. */
export function registerPolicyPush(policy: Command, io: Io, world: World): void {
  asAdmin(
    policy
      .command('push')
      .description(
        'make files and folders the policy of the plane; every process takes it over within a second',
      )
      .argument('[path...]', 'files, or folders of *.yaml, *.yml and *.json; a document is named as its file')
      .option('-m, --message <text>', 'why, for the history', '')
      .option('--author <name>', 'who, for the history; default the user and host of this machine')
      .option('--replace', 'delete every document that is not among these')
      .option('--delete <name>', 'delete a document; may be given again', collect, [] as readonly string[])
      .option('--expected <sequence>', 'push only where this is still the newest version', sequence)
      .option('--hosts <patterns>', 'host names that hosts: may claim, as in TULLE_POLICY_HOSTS'),
  )
    .addHelpText(
      'after',
      '\nExamples:\n  tulle policy push policy/orders.yaml -m "orders: 2 s instead of 5"\n  tulle policy push policy/ --replace\n  tulle policy push --delete legacy.yaml -m "legacy is gone"\n',
    )
    .action(async (paths: string[], options: PushOptions) => {
      if (paths.length === 0 && options.delete.length === 0)
        policy.error('error: nothing to push: name a file or a folder, or --delete a document')
      const documents = await readDocuments(paths)
      const hosts = hostsFrom(options.hosts, world.env.TULLE_POLICY_HOSTS)
      const { mistakes } = checkDocuments(documents, policyPieces, hosts)
      if (mistakes.length > 0) refused(mistakes, options, io)
      const files = named(documents.keys())
      const body = {
        documents: [
          ...[...files].map(([name, file]) => ({
            name,
            text: new TextDecoder().decode(documents.get(file) as Uint8Array),
          })),
          ...options.delete.map((name) => ({ name, text: null })),
        ],
        message: options.message,
        author: options.author ?? world.author,
        ...(options.replace ? { replace: true } : {}),
        ...(options.expected === undefined ? {} : { expected: options.expected }),
      }
      const done = await withPlane(options, world, (ask) =>
        ask(sequenceWire, { method: 'POST', path: '/v1/policy', body, waitMs: WRITE_MS }),
      ).catch((error: unknown) => {
        const problems = problemsOf(error)
        if (problems.length === 0) throw error
        return refused(
          problems.map((problem) => ({ ...problem, file: files.get(problem.file) ?? problem.file })),
          options,
          io,
        )
      })
      io.out(
        options.json
          ? `${JSON.stringify(done, null, 2)}\n`
          : done.changed === false
            ? `version ${done.sequence} is the same: nothing to change\n`
            : `version ${done.sequence}: ${count(files.size, 'document')} pushed, ${options.delete.length} deleted\n`,
      )
    })
}

/** Documents of the plane have no folders: the name of a file is the name of the document. */
function named(paths: Iterable<string>): Map<string, string> {
  const files = new Map<string, string>()
  for (const path of paths) {
    const name = basename(path)
    const other = files.get(name)
    if (other !== undefined)
      throw new MeshError('TULLE_POLICY', `${other} and ${path} would be one document, ${name}`, {
        layer: 'cli',
        hint: 'A document is named as its file, without the folder: rename one of them.',
      })
    files.set(name, path)
  }
  return files
}

function problemsOf(error: unknown): readonly Problem[] {
  if (!(error instanceof PlaneRefusal)) return []
  return problemsWire.safeParse(error.body).data?.problems ?? []
}

function refused(mistakes: readonly Problem[], options: PushOptions, io: Io): never {
  if (options.json) io.out(`${JSON.stringify({ mistakes }, null, 2)}\n`)
  else {
    io.out(mistakes.map((mistake) => `mistake  ${problemText(mistake)}\n`).join(''))
    io.err(`${count(mistakes.length, 'mistake')}: nothing was pushed\n`)
  }
  throw new Failed()
}

const collect = (name: string, names: readonly string[]): readonly string[] => [...names, name]

/** A version of the policy, as the history numbers them. */
export function sequence(text: string): number {
  if (!/^\d{1,15}$/.test(text))
    throw new InvalidArgumentError('expected the number of a version, as `tulle policy history` prints it.')
  return Number(text)
}
