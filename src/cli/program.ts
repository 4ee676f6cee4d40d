import { Command, CommanderError } from 'commander'
import { registerConfig } from './config.ts'
import { Failed, type Io } from './io.ts'
import { registerPolicy } from './policy.ts'

/** Each command is a file that registers itself: one line here. */
const COMMANDS: readonly ((program: Command, io: Io) => void)[] = [registerPolicy, registerConfig]

/**
 * Runs one command line of `tulle`. Resolves with the exit code: 0 good, 1 what was asked for found mistakes, 2 it
 * was asked for wrongly.
 * @param args without the program's own name
 */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const program = new Command('tulle')
    .description('An in-process service mesh for Node.js')
    .configureOutput({ writeOut: io.out, writeErr: io.err })
    .showHelpAfterError('(add --help for what is accepted)')
    .exitOverride()
  for (const register of COMMANDS) register(program, io)
  try {
    await program.parseAsync(args, { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof Failed) return 1
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    throw error
  }
}
