import { z } from 'zod'

const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}
const WHOLE =
  /^(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h)(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))*$/
const PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g

/** `1m30s`, `1.5h`, `15s` as Go writes durations → milliseconds; undefined: it is none. */
export function goDuration(text: string): number | undefined {
  if (text === '0') return 0
  if (text.length > 64 || !WHOLE.test(text)) return undefined
  let ms = 0
  for (const [, number, unit] of text.matchAll(PART)) ms += Number(number) * (UNITS[unit as string] as number)
  return ms
}

/**
 * A duration of Consul's API, in milliseconds: text, or nanoseconds where an endpoint writes Go's own number. An empty
 * text and 0 say nothing.
 */
export const goDurationSchema: z.ZodType<number | undefined> = z
  .union([z.string(), z.number().min(0)], { error: 'expected a duration such as 15s' })
  .refine((value) => typeof value === 'number' || value === '' || goDuration(value) !== undefined, {
    error: 'expected a duration such as 15s',
  })
  .transform((value) => (typeof value === 'number' ? value / 1e6 : goDuration(value)) || undefined)
