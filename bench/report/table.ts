/** Text in columns. */
export interface Column<R> {
  readonly title: string
  readonly of: (row: R) => string
  /** Default right. */
  readonly align?: 'left'
}

/** With a line of titles, padded to the widest. */
export function tableOf<R>(columns: readonly Column<R>[], rows: readonly R[]): string {
  const cells = [columns.map(({ title }) => title), ...rows.map((row) => columns.map(({ of }) => of(row)))]
  const widths = columns.map((_, n) => Math.max(...cells.map((line) => [...(line[n] ?? '')].length)))
  const padded = (text: string, n: number): string => {
    const space = ' '.repeat((widths[n] ?? 0) - [...text].length)
    return columns[n]?.align === 'left' ? text + space : space + text
  }
  return cells.map((line) => `${line.map(padded).join('  ').trimEnd()}\n`).join('')
}

/** A number as short as it may be; nothing where there is none. */
export const fixed = (value: number, digits = 1): string => (Number.isNaN(value) ? '' : value.toFixed(digits))
export const signed = (value: number, digits = 1): string =>
  Number.isNaN(value) ? '' : `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(digits)}`
