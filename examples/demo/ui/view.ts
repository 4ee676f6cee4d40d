import type { Result } from '../result.ts'
import type { Paint } from './paint.ts'

/** How the audience sees the play. Two of them: a live region in a terminal, and plain lines everywhere else. */
export interface View {
  begin(title: string): void
  say(note: string): void
  show(lines: (paint: Paint) => readonly string[]): void
  end(result: Result): void
  /** Nothing is drawn any more; the terminal is as it was. */
  close(): void
}

/** What stays of a scene once it is over. */
export function verdict({ name, held, requests, failed, shown }: Result, paint: Paint): string {
  const mark = held ? paint('green', '✔') : paint('red', '✘')
  return `${mark} ${paint('bold', name)}: ${requests} requests, ${failed} failed; ${shown}`
}
