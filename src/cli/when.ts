import { InvalidArgumentError } from 'commander'
import { parseDuration } from '../core/units.ts'

const DAY_MS = 86_400_000

/**
 * A lifetime: days and weeks besides what `parseDuration` reads (whose bound is what a timer can hold, 24 days).
 * @throws what commander prints with the option's name
 */
export function lifetime(text: string): number {
  const [, number, unit] = /^(\d{1,5})([dw])$/.exec(text) ?? []
  const ms = number === undefined ? parseDuration(text) : Number(number) * (unit === 'w' ? 7 : 1) * DAY_MS
  if (ms === undefined || ms <= 0)
    throw new InvalidArgumentError('expected a duration such as 12h, 30d or 4w.')
  return ms
}

/** `2026-11-21 06:13:26Z`. */
export function moment(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')}Z`
}

/** The two largest units that are worth saying: `3 d 4 h`, `5 min`, `12 s`, `40 ms`. */
export function span(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`
  if (ms < 2 * 3_600_000) return `${Math.round(ms / 60_000)} min`
  const hours = Math.floor(ms / 3_600_000)
  if (hours < 48) return `${hours} h`
  const days = Math.floor(hours / 24)
  return days < 10 && hours % 24 > 0 ? `${days} d ${hours % 24} h` : `${days} d`
}
