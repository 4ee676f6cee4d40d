import { paintFor } from './paint.ts'
import { type View, verdict } from './view.ts'

/** Plain lines, one per event: for pipes, logs, CI and small terminals. */
export function linesView(out: NodeJS.WriteStream): View {
  const paint = paintFor(out.isTTY, process.env)
  const write = (line: string): void => void out.write(`${line}\n`)
  return {
    begin: (title) => write(`\n${paint('bold', title)}`),
    say: (note) => write(`  ${note}`),
    show: (lines) => write(`\n${lines(paint).join('\n')}\n`),
    end: (result) => write(`  ${verdict(result, paint)}`),
    close: () => {},
  }
}
