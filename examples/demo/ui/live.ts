import { board, type Moment } from './board.ts'
import { paintFor, wrap } from './paint.ts'
import { type View, verdict } from './view.ts'

const FRAME_MS = 100
const ESCAPE = String.fromCharCode(27)
const HIDE_CURSOR = `${ESCAPE}[?25l`
const SHOW_CURSOR = `${ESCAPE}[?25h`
const CLEAR_LINE = `${ESCAPE}[K`
const CLEAR_BELOW = `${ESCAPE}[J`

/** A region at the bottom of the terminal, drawn anew ten times a second; what stays is written above it. */
export function liveView(out: NodeJS.WriteStream, look: () => Omit<Moment, 'title' | 'note'>): View {
  const paint = paintFor(true, process.env)
  let title = ''
  let note = ''
  let drawn = 0

  const home = (): string => (drawn === 0 ? '' : `\r${ESCAPE}[${drawn}A`)
  const draw = (above: readonly string[] = []): void => {
    const region = board({ ...look(), title, note }, paint)
    const lines = [...above, ...region].map((line) => `${line}${CLEAR_LINE}\n`)
    out.write(`${home()}${lines.join('')}${CLEAR_BELOW}`)
    drawn = region.length
  }

  out.write(HIDE_CURSOR)
  const timer = setInterval(() => draw(), FRAME_MS)
  return {
    begin(text) {
      title = text
      note = ''
      draw()
    },
    say(text) {
      note = text
      draw()
    },
    show: (lines) => draw(['', ...lines(paint), '']),
    end: (result) =>
      draw(wrap(verdict(result, paint), 76).map((line, i) => (i === 0 ? ` ${line}` : `   ${line}`))),
    close() {
      clearInterval(timer)
      out.write(`${home()}${CLEAR_BELOW}${SHOW_CURSOR}`)
      drawn = 0
    },
  }
}

/** Whether a live region fits. */
export function canBeLive(out: NodeJS.WriteStream): boolean {
  return out.isTTY && (out.columns ?? 0) >= 80 && (out.rows ?? 0) >= 20 && process.env.TERM !== 'dumb'
}
