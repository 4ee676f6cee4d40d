/** Colours and widths of a terminal. Everything drawn here is made of characters one column wide. */

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'
export type Paint = (style: Style, text: string) => string

const CODES: Readonly<Record<Style, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
}

export const painted: Paint = (style, text) => `\u001b[${CODES[style][0]}m${text}\u001b[${CODES[style][1]}m`
export const unpainted: Paint = (_style, text) => text

/** Colours are for a terminal whose user did not refuse them (https://no-color.org). */
export function paintFor(isTerminal: boolean, env: Readonly<Record<string, string | undefined>>): Paint {
  return isTerminal && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb' ? painted : unpainted
}

const STYLES = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g')

/** How many columns a text takes. */
export function columns(text: string): number {
  return [...text.replace(STYLES, '')].length
}

/** Exactly `width` columns: padded with blanks, or cut with an ellipsis. For text without styles. */
export function fit(text: string, width: number, side: 'left' | 'right' = 'left'): string {
  const characters = [...text]
  if (characters.length > width) return width < 1 ? '' : `${characters.slice(0, width - 1).join('')}…`
  const blanks = ' '.repeat(width - characters.length)
  return side === 'left' ? text + blanks : blanks + text
}

/** Lines of at most `width` columns, broken at blanks, and inside a word only where it is longer than a line. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(/\s+/).filter((part) => part !== '')) {
    let rest = word
    if (line !== '' && columns(line) + 1 + columns(rest) <= width) {
      line = `${line} ${rest}`
      continue
    }
    if (line !== '') lines.push(line)
    while (columns(rest) > width) {
      lines.push([...rest].slice(0, width).join(''))
      rest = [...rest].slice(width).join('')
    }
    line = rest
  }
  return line === '' ? lines : [...lines, line]
}
