const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'] as const
const LEVELS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const

/** A horizontal bar of exactly `width` columns: `fraction` of it filled, to an eighth of a column. */
export function bar(fraction: number, width: number): string {
  const eighths = Math.round(clamp(fraction) * width * 8)
  const filled = '█'.repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? '')
  return filled + ' '.repeat(width - [...filled].length)
}

/** The last `width` values as a row of small columns, scaled to `top`; blanks on the left while there are fewer. */
export function sparkline(values: readonly number[], width: number, top: number): string {
  const shown = values.slice(-width)
  const level = (value: number): string =>
    LEVELS[Math.round(clamp(top > 0 ? value / top : 0) * (LEVELS.length - 1))] as string
  return ' '.repeat(width - shown.length) + shown.map(level).join('')
}

/** A stretch of time on a line of `width` columns; at least one column, so that a short span is seen. */
export function stretch(from: number, to: number, width: number): string {
  const start = Math.min(width - 1, Math.floor(clamp(from) * width))
  const end = Math.max(start + 1, Math.min(width, Math.ceil(clamp(to) * width)))
  return ' '.repeat(start) + '━'.repeat(end - start) + ' '.repeat(width - end)
}

function clamp(fraction: number): number {
  return Number.isFinite(fraction) ? Math.min(1, Math.max(0, fraction)) : 0
}
