/** What a command does to the world, so that tests can watch it. */
export interface Io {
  out(text: string): void
  err(text: string): void
}

export const processIo: Io = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
}

/** What was asked for was understood and its answer is no: exit code 1, nothing more to print. */
export class Failed extends Error {}
