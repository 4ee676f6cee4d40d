import { z } from 'zod'

/** The units a policy document and the environment share. Each says what it accepts, in one sentence. */

const DURATION =
  /^(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?$/
/** What Node's timers can hold, in milliseconds. */
export const MAX_DURATION_MS = 2 ** 31 - 1

/** `250ms`, `2s`, `1m30s`, `1h` → milliseconds; undefined: not a duration. */
export function parseDuration(text: string): number | undefined {
  const match = DURATION.exec(text)
  if (match === null || text === '') return undefined
  const [, h, m, s, ms] = match
  const total = Number(h ?? 0) * 3_600_000 + Number(m ?? 0) * 60_000 + Number(s ?? 0) * 1000 + Number(ms ?? 0)
  return total <= MAX_DURATION_MS ? total : undefined
}

/** A duration written as text; the value is milliseconds. @param min the smallest accepted, in milliseconds */
export function duration(min = 1): z.ZodType<number, string> {
  const error =
    min > 1
      ? `expected a duration of at least ${min}ms such as 250ms, 2s or 1m30s`
      : 'expected a duration such as 250ms, 2s or 1m30s'
  return z
    .string({ error })
    .refine((text) => (parseDuration(text) ?? -1) >= min, { error })
    .transform((text) => parseDuration(text) as number)
    .meta({ description: 'A duration: 250ms, 2s, 1m30s' }) as unknown as z.ZodType<number, string>
}

/** `20%` or a number of percent; the value is a fraction of one. */
export function percent(max = 100): z.ZodType<number, string | number> {
  const error = `expected a percentage from 0% to ${max}%`
  return z
    .union([z.string(), z.number()], { error })
    .refine((value) => percentOf(value) >= 0 && percentOf(value) <= max, { error })
    .transform((value) => percentOf(value) / 100)
    .meta({ description: `A percentage from 0% to ${max}%` }) as unknown as z.ZodType<number, string | number>
}

function percentOf(value: string | number): number {
  if (typeof value === 'number') return value
  return /^\d+(\.\d+)?%$/.test(value) ? Number(value.slice(0, -1)) : Number.NaN
}

const SIZES: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  kB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
}

/** `256KiB`, `1MiB` or a whole number of bytes; the value is bytes. */
export function bytes(max: number): z.ZodType<number, string | number> {
  const error = `expected a size such as 64KiB or 1MiB, at most ${max} bytes`
  return z
    .union([z.string(), z.number()], { error })
    .refine((value) => bytesOf(value) >= 0 && bytesOf(value) <= max, { error })
    .transform(bytesOf)
    .meta({ description: 'A size: 64KiB, 1MiB, or a number of bytes' }) as unknown as z.ZodType<
    number,
    string | number
  >
}

function bytesOf(value: string | number): number {
  if (typeof value === 'number') return Number.isInteger(value) ? value : Number.NaN
  const match = /^(\d+)(B|KiB|MiB|GiB|kB|MB|GB)$/.exec(value)
  return match === null ? Number.NaN : Number(match[1]) * (SIZES[match[2] as string] as number)
}

export function wholeNumber(min: number, max: number): z.ZodType<number, number> {
  const error = `expected a whole number ${min}–${max}`
  return z.int({ error }).min(min, { error }).max(max, { error })
}

export function numberBetween(min: number, max: number): z.ZodType<number, number> {
  const error = `expected a number ${min}–${max}`
  return z.number({ error }).min(min, { error }).max(max, { error })
}

export function oneOf<const T extends readonly [string, ...string[]]>(
  values: T,
): z.ZodType<T[number], T[number]> {
  return z.enum(values, { error: `expected one of ${values.join(', ')}` }) as unknown as z.ZodType<
    T[number],
    T[number]
  >
}

/** An object whose unknown keys are mistakes; every field optional is the caller's choice. */
export function fields<S extends z.ZodRawShape>(shape: S): z.ZodObject<S, z.core.$strict> {
  return z.strictObject(shape)
}

/** `false` switches a piece off. */
export function orFalse<T, I>(schema: z.ZodType<T, I>, what: string): z.ZodType<T | false, I | false> {
  return z.union([z.literal(false), schema], { error: `expected false or ${what}` })
}
