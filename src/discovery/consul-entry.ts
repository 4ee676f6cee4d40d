import { z } from 'zod'

const MAX_WEIGHT = 65_535
const weight = z.int().min(0).max(MAX_WEIGHT)
const optional = <T extends z.ZodType>(schema: T) => schema.nullish()

/**
 * One entry of `/v1/health`, as far as it is read. Loose: newer agents say more.
 * https://developer.hashicorp.com/consul/api-docs/health#list-service-instances-for-service
 */
export const entrySchema = z.looseObject({
  Node: z.looseObject({
    Node: z.string(),
    Address: optional(z.string()),
    Datacenter: optional(z.string()),
  }),
  Service: z.looseObject({
    ID: z.string(),
    Kind: optional(z.string()),
    Address: optional(z.string()),
    Port: z.int().min(1).max(65_535),
    Tags: optional(z.array(z.string())),
    Meta: optional(z.record(z.string(), z.string())),
    Weights: optional(z.looseObject({ Passing: weight, Warning: weight })),
    Proxy: optional(z.looseObject({ DestinationServiceName: optional(z.string()) })),
    Connect: optional(z.looseObject({ Native: optional(z.boolean()) })),
    Namespace: optional(z.string()),
    ModifyIndex: optional(z.number()),
  }),
  Checks: optional(
    z.array(
      z.looseObject({
        CheckID: optional(z.string()),
        Status: z.enum(['passing', 'warning', 'critical', 'maintenance']),
      }),
    ),
  ),
})
export type HealthEntry = z.infer<typeof entrySchema>
export type Health = 'passing' | 'warning' | 'critical' | 'maintenance'

/**
 * True only for what `entrySchema` accepts: parsed JSON of the right types. The schema takes 6 ms before its first entry
 * and then 100 µs for each until it is compiled, which of 10,000 is a stall; it is asked where this finds something, and
 * says what and where.
 */
export function isEntry(given: unknown): given is HealthEntry {
  if (!isPlain(given)) return false
  const { Node: node, Service: service, Checks: checks } = given
  return (
    isPlain(node) &&
    typeof node.Node === 'string' &&
    isText(node.Address) &&
    isText(node.Datacenter) &&
    isPlain(service) &&
    typeof service.ID === 'string' &&
    isWhole(service.Port, 1, 65_535) &&
    isText(service.Kind) &&
    isText(service.Address) &&
    isText(service.Namespace) &&
    (isNone(service.ModifyIndex) || Number.isFinite(service.ModifyIndex)) &&
    areTexts(service.Tags) &&
    isMeta(service.Meta) &&
    areWeights(service.Weights) &&
    (isNone(service.Proxy) || (isPlain(service.Proxy) && isText(service.Proxy.DestinationServiceName))) &&
    (isNone(service.Connect) || (isPlain(service.Connect) && isFlag(service.Connect.Native))) &&
    areChecks(checks)
  )
}

type Plain = Readonly<Record<string, unknown>>

const isNone = (value: unknown): boolean => value === undefined || value === null
const isText = (value: unknown): boolean => typeof value === 'string' || isNone(value)
const isFlag = (value: unknown): boolean => typeof value === 'boolean' || isNone(value)
const isPlain = (value: unknown): value is Plain =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function isWhole(value: unknown, least: number, most: number): boolean {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most
}

function areTexts(list: unknown): boolean {
  if (isNone(list)) return true
  if (!Array.isArray(list)) return false
  for (const text of list) if (typeof text !== 'string') return false
  return true
}

function isMeta(meta: unknown): boolean {
  if (isNone(meta)) return true
  if (!isPlain(meta)) return false
  for (const key of Object.keys(meta)) if (typeof meta[key] !== 'string') return false
  return true
}

function areWeights(weights: unknown): boolean {
  if (isNone(weights)) return true
  return (
    isPlain(weights) && isWhole(weights.Passing, 0, MAX_WEIGHT) && isWhole(weights.Warning, 0, MAX_WEIGHT)
  )
}

function areChecks(checks: unknown): boolean {
  if (isNone(checks)) return true
  if (!Array.isArray(checks)) return false
  for (const check of checks) {
    if (!isPlain(check) || !isText(check.CheckID)) return false
    const { Status: status } = check
    if (status !== 'passing' && status !== 'warning' && status !== 'critical' && status !== 'maintenance')
      return false
  }
  return true
}
