import { Command, CommanderError } from 'commander'
import { isMeshError } from '../core/errors.ts'
import { packageVersion } from '../platform/package-version.ts'
import { registerAuthority } from './authority.ts'
import { registerCheck } from './check.ts'
import { registerConfig } from './config.ts'
import { registerExplain } from './explain.ts'
import { registerIdentity } from './identity.ts'
import { Failed, type Io } from './io.ts'
import { registerPlane } from './plane.ts'
import { registerPolicy } from './policy.ts'
import { processWorld } from './process-world.ts'
import { registerServices } from './services.ts'
import { registerToken } from './token.ts'
import type { World } from './world.ts'

/** Each command is a file that registers itself: one line here, in the order of the help. */
const COMMANDS: readonly ((program: Command, io: Io, world: World) => void)[] = [
  registerPlane,
  registerToken,
  registerIdentity,
  registerAuthority,
  registerPolicy,
  registerServices,
  registerExplain,
  registerCheck,
  registerConfig,
]

/** The whole command line: to be run, or to be documented. */
export function createProgram(io: Io, world: World): Command {
  const program = new Command('tulle')
    .description('An in-process service mesh for Node.js')
    .version(packageVersion())
    .configureOutput({ writeOut: io.out, writeErr: io.err })
    .showHelpAfterError('(add --help for what is accepted)')
    .exitOverride()
  for (const register of COMMANDS) register(program, io, world)
  return program
}

/**
 * Runs one command line of `tulle`. Resolves with the exit code: 0 good, 1 what was asked for found mistakes or could
 * not be done, 2 it was asked for wrongly.
 * @param args without the program's own name
 */
export async function run(args: readonly string[], io: Io, world: World = processWorld): Promise<number> {
  try {
    await createProgram(io, world).parseAsync(args, { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof Failed) return 1
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    if (!isMeshError(error)) throw error
    io.err(`${error.message}\n${error.hint}\n`)
    return 1
  }
}
