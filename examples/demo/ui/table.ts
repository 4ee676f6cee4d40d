import type { Result } from '../result.ts'
import { fit, type Paint, wrap } from './paint.ts'
import { milliseconds } from './units.ts'

interface Column {
  readonly title: string
  readonly width: number
  readonly side: 'left' | 'right'
  readonly text: (result: Result) => string
}

const COLUMNS: readonly Column[] = [
  { title: 'scene', width: 10, side: 'left', text: (r) => r.name },
  { title: 'requests', width: 8, side: 'right', text: (r) => String(r.requests) },
  { title: 'failed', width: 6, side: 'right', text: (r) => String(r.failed) },
  { title: 'p50', width: 6, side: 'right', text: (r) => milliseconds(r.p50Ms) },
  { title: 'p99', width: 6, side: 'right', text: (r) => milliseconds(r.p99Ms) },
  { title: 'POSTs*', width: 6, side: 'right', text: (r) => `${r.plain.sent}/${r.plain.failed}` },
]
const GAP = 1
/** Two columns of margin and mark, then the figures; the last column takes the rest. */
const FIXED = 2 + COLUMNS.reduce((sum, column) => sum + column.width + GAP, 0)

/** The figures of all scenes, in `width` columns; the last column is wrapped. */
export function table(results: readonly Result[], paint: Paint, width = 80): string[] {
  const last = width - FIXED
  const row = (cells: readonly string[], text: string): string =>
    [
      ...cells.map(
        (cell, i) => fit(cell, COLUMNS[i]?.width ?? 0, COLUMNS[i]?.side ?? 'left') + ' '.repeat(GAP),
      ),
      text,
    ].join('')
  const lines = [
    paint(
      'bold',
      `  ${row(
        COLUMNS.map((column) => column.title),
        'what was shown',
      )}`,
    ),
    paint('dim', '─'.repeat(width)),
  ]
  for (const result of results) {
    const [first = '', ...more] = wrap(result.shown, last)
    const mark = result.held ? paint('green', '✔ ') : paint('red', '✘ ')
    lines.push(
      mark +
        row(
          COLUMNS.map((column) => column.text(result)),
          first,
        ),
    )
    for (const text of more) lines.push(' '.repeat(FIXED) + text)
  }
  lines.push(
    paint('dim', '─'.repeat(width)),
    ...wrap(FOOTNOTE, width - 2).map((text) => paint('dim', `  ${text}`)),
  )
  return lines
}

const FOOTNOTE =
  '* plain POSTs, sent/failed: not in the columns before. Nothing says they may be repeated, so one that may ' +
  'have been executed is never sent again; the ledger of orders counts each at most once.'
