import type { Tally } from '../figures.ts'
import { bar, sparkline } from './bars.ts'
import { fit, type Paint, type Style } from './paint.ts'
import { milliseconds } from './units.ts'

export interface Row {
  readonly name: string
  /** One short word: up, slow, killed … */
  readonly state: string
  /** Answers per second. */
  readonly rate: number
  /** Answers in each quarter of a second, oldest first. */
  readonly history: readonly number[]
}

/** All that the live region shows at one moment. */
export interface Moment {
  readonly title: string
  readonly note: string
  readonly rows: readonly Row[]
  readonly tallies: Readonly<Record<'get' | 'keyed' | 'plain', Tally>>
  readonly p50Ms: number
  readonly p99Ms: number
  readonly seconds: number
}

const BAR = 24
const SPARK = 24

/** The live region: at most 80 columns, always the same number of lines. */
export function board(moment: Moment, paint: Paint, width = 80): string[] {
  const top = Math.max(1, ...moment.rows.map((row) => row.rate))
  return [
    paint('bold', fit(` ${moment.title}`, width - 1)),
    paint('cyan', fit(` ${moment.note}`, width - 1)),
    '',
    ...moment.rows.map((row) => rowLine(row, top, paint)),
    '',
    paint(
      'dim',
      `${fit('', 13)}${fit('sent', 8, 'right')}${fit('ok', 8, 'right')}${fit('failed', 8, 'right')}`,
    ),
    `${tallyLine('GET', moment.tallies.get, paint)}     p50 ${milliseconds(moment.p50Ms)}`,
    `${tallyLine('keyed POST', moment.tallies.keyed, paint)}     p99 ${milliseconds(moment.p99Ms)}`,
    `${tallyLine('plain POST', moment.tallies.plain, paint)}     ${moment.seconds.toFixed(0)} s`,
  ]
}

function rowLine({ name, state, rate, history }: Row, top: number, paint: Paint): string {
  const highest = (top / 4) * 1.5
  const style = styleOf(state)
  return [
    ` ${fit(name, 9)}`,
    paint(style, fit(`${MARKS[state] ?? '●'} ${state}`, 10)),
    paint(style, bar(rate / top, BAR)),
    `${fit(String(Math.round(rate)), 4, 'right')}/s`,
    paint('dim', sparkline(history, SPARK, highest)),
  ].join(' ')
}

function tallyLine(label: string, { sent, ok, failed }: Tally, paint: Paint): string {
  const number = fit(String(failed), 8, 'right')
  const style: Style = label === 'plain POST' ? 'yellow' : 'red'
  const marked = failed > 0 ? paint(style, number) : number
  return ` ${fit(label, 12)}${fit(String(sent), 8, 'right')}${fit(String(ok), 8, 'right')}${marked}`
}

const MARKS: Readonly<Record<string, string>> = { killed: '✖', down: '○', starting: '○', ejected: '◌' }

function styleOf(state: string): Style {
  if (state === 'up') return 'green'
  return state === 'killed' || state === 'down' || state === 'ejected' || state.startsWith('5')
    ? 'red'
    : 'yellow'
}
