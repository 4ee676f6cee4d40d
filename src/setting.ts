import { parseDuration } from './core/units.ts'

/** One line of the configuration: an option of `createMesh`, its environment variable, and what both accept. */
export interface Setting<T> {
  readonly option: string
  readonly variable: string
  /** A variable of somebody else's that is used where ours is not set. */
  readonly fallbackVariable?: string
  readonly describe: string
  readonly accepts: string
  /** As it would be written in the environment; undefined: there is no default. */
  readonly fallback: string | undefined
  /** Text of the environment → value; undefined: not accepted. */
  parse(text: string): T | undefined
  /** Value of the option → value; undefined: not accepted. Default: text is parsed, anything else refused. */
  accept?(value: unknown): T | undefined
  show(value: T): string
  readonly secret?: boolean
  /** `<VARIABLE>_FILE` names a file that holds the value. */
  readonly file?: boolean
}

export const setting = <T>(of: Setting<T>): Setting<T> => of

export const SERVICE = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i
export const nonEmptyList = (text: string): string[] | undefined => {
  const items = text.split(',').map((item) => item.trim())
  return items.every((item) => item !== '') ? items : undefined
}
export const joined = <T>(value: unknown, parse: (text: string) => T | undefined): T | undefined =>
  Array.isArray(value) && value.length > 0 ? parse(value.join(',')) : undefined
export const oneOf =
  <const V extends string>(values: readonly V[]) =>
  (text: string): V | undefined =>
    values.find((value) => value === text)
export const durationSetting = (
  of: Pick<Setting<number>, 'option' | 'variable' | 'describe' | 'fallback'>,
): Setting<number> => ({
  ...of,
  accepts: 'a duration such as 250ms, 2s or 1m30s',
  parse: parseDuration,
  accept: (value) =>
    typeof value === 'number' && value >= 0
      ? value
      : typeof value === 'string'
        ? parseDuration(value)
        : undefined,
  show: (value) => `${value}ms`,
})
