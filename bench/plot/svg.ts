/** Shapes of charts, as text. */
export const COLOURS = [
  '#3b6ea5',
  '#d9822b',
  '#4f9d69',
  '#a8516e',
  '#7d6bb0',
  '#8a8a3c',
  '#4aa3a8',
  '#b05c3b',
  '#5a5f69',
  '#c26fb2',
]
export const INK = '#22262e'
export const GRID = '#dfe2e8'
/** Lines that share a colour differ in their dashes. */
const DASHES = ['', '7 3', '2 3', '10 3 2 3'] as const

export interface Stroke {
  readonly colour: string
  readonly dashes?: string
}
export const strokeOf = (n: number): Stroke => ({
  colour: COLOURS[n % COLOURS.length]!,
  dashes: DASHES[Math.floor(n / COLOURS.length) % DASHES.length]!,
})
const dashed = (dashes = ''): string => (dashes === '' ? '' : ` stroke-dasharray="${dashes}"`)

export const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

/** A document with a title and a line on what it holds for. */
export function chart(
  width: number,
  height: number,
  title: string,
  about: string,
  body: readonly string[],
): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="12" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    text(16, 24, title, 'start', 15),
    text(16, 42, about, 'start', 11),
    ...body,
    '</svg>\n',
  ].join('\n')
}

export const text = (
  x: number,
  y: number,
  words: string,
  anchor: 'start' | 'middle' | 'end' = 'start',
  size = 12,
): string =>
  `<text x="${at(x)}" y="${at(y)}" text-anchor="${anchor}" font-size="${size}" fill="${INK}">${escaped(words)}</text>`

export const line = (
  x1: number,
  y1: number,
  x2: number,
  y2: number,
  { colour, dashes }: Stroke = { colour: GRID },
): string =>
  `<line x1="${at(x1)}" y1="${at(y1)}" x2="${at(x2)}" y2="${at(y2)}" stroke="${colour}"${dashed(dashes)}/>`

export const box = (
  x: number,
  y: number,
  width: number,
  height: number,
  colour: string,
  words: string,
): string =>
  `<rect x="${at(x)}" y="${at(y)}" width="${at(width)}" height="${at(height)}" fill="${colour}"><title>${escaped(words)}</title></rect>`

export const path = (
  points: readonly (readonly [number, number])[],
  { colour, dashes }: Stroke,
  words: string,
): string =>
  `<polyline fill="none" stroke="${colour}" stroke-width="1.8"${dashed(dashes)} points="${points.map(([x, y]) => `${at(x)},${at(y)}`).join(' ')}"><title>${escaped(words)}</title></polyline>`

export const at = (value: number): string => String(Math.round(value * 10) / 10)

/** Round numbers from nothing to at least `most`, about five of them. */
export function ticks(most: number): number[] {
  if (!(most > 0)) return [0]
  const rough = most / 5
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, n) => n * step)
}
