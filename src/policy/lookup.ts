import { z } from 'zod'
import type { PolicyPiece } from '../core/piece.ts'
import { fields } from '../core/units.ts'

/**
 * Where the endpoints of a service are looked for, where that is not simply under its own name: what Consul's
 * service-resolver calls redirect, default subset and only-passing.
 */
export interface LookupParams {
  /** The name in the registry; undefined: the service's own. */
  readonly service?: string | undefined
  /** Undefined: the agent's own. */
  readonly datacenter?: string | undefined
  readonly namespace?: string | undefined
  readonly partition?: string | undefined
  /** In Consul's filter language, over an entry of `/v1/health`: `Service.Meta.version == "2"`. */
  readonly filter?: string | undefined
  /** Instances whose checks warn are left out too; default false: only critical ones are. */
  readonly onlyPassing: boolean
}

/** What Consul accepts for names, and no separators of paths or queries. */
const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?$/
const MAX_FILTER = 2048

const name = (what: string) =>
  z.string({ error: `expected ${what}` }).regex(NAME, { error: `expected ${what}` })

export const lookupSchema = fields({
  service: name('the name of a service in the registry'),
  datacenter: name('the name of a datacenter'),
  namespace: name('the name of a namespace'),
  partition: name('the name of an admin partition'),
  filter: z
    .string({ error: "expected a filter in Consul's language" })
    .min(1, { error: "expected a filter in Consul's language" })
    .max(MAX_FILTER, { error: `expected at most ${MAX_FILTER} characters` })
    .meta({ description: "Consul's filter language over an entry of /v1/health" }),
  onlyPassing: z.boolean({ error: 'expected true or false' }),
})
  .partial()
  .meta({ description: 'Where the endpoints of the service are looked for in Consul' })

/** `lookup`: another name, another datacenter or a part of the instances. Only a Consul source reads it. */
export const lookupPiece: PolicyPiece<LookupParams> = {
  key: 'lookup',
  scope: 'service',
  schema: lookupSchema,
  defaults: { onlyPassing: false },
}
