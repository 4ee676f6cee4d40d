import { z } from 'zod'

/*
 * What `/v1/connect/intentions/match` answers with (api-docs/connect/intentions.mdx, agent/structs/intention.go). Names
 * that are not listed are kept, so that `said` can tell whether they mean anything.
 */

const text = z.string().nullish()
const flag = z.boolean().nullish()

const headerWire = z.looseObject({
  Name: z.string(),
  Present: flag,
  Exact: text,
  Prefix: text,
  Suffix: text,
  Contains: text,
  Regex: text,
  Invert: flag,
  IgnoreCase: flag,
})

const httpWire = z.looseObject({
  PathExact: text,
  PathPrefix: text,
  PathRegex: text,
  Methods: z.array(z.string()).nullish(),
  Header: z.array(headerWire).nullish(),
})

const permissionWire = z.looseObject({
  Action: z.string(),
  HTTP: httpWire.nullish(),
})

export const intentionWire = z.looseObject({
  SourceName: z.string().min(1),
  SourceNS: text,
  SourcePartition: text,
  SourcePeer: text,
  SourceType: text,
  DestinationName: z.string().min(1),
  DestinationNS: text,
  DestinationPartition: text,
  Action: text,
  Permissions: z.array(permissionWire).nullish(),
})

export type HeaderWire = z.infer<typeof headerWire>
export type HttpWire = z.infer<typeof httpWire>
export type PermissionWire = z.infer<typeof permissionWire>
export type IntentionWire = z.infer<typeof intentionWire>

/** Of these names those that say something, in order: neither null nor empty, which is how Go writes what was not set. */
export function said(wire: Readonly<Record<string, unknown>>, but: ReadonlySet<string>): readonly string[] {
  return Object.keys(wire).filter((name) => !but.has(name) && !isEmpty(wire[name]))
}

export function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === 0 || value === false) return true
  return typeof value === 'object' && Object.keys(value).length === 0
}
