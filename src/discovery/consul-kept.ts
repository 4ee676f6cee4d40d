import { z } from 'zod'
import { isAddress } from '../core/address.ts'
import type { EndpointSet } from '../core/endpoint.ts'
import type { KeptContent, KeptFormat } from './kept-endpoints.ts'

const text = z.string().max(512)
const endpointKept = z
  .object({
    address: z.string().max(253),
    port: z.int().min(1).max(65_535),
    weight: z.number().positive().optional(),
    zone: text.optional(),
    version: text.optional(),
    meta: z.record(z.string(), text).optional(),
    identity: z.string().max(2048).optional(),
    protocol: z.enum(['http', 'grpc']).optional(),
    mtls: z.enum(['strict', 'permissive', 'disable']).optional(),
  })
  .refine(({ address, port }) => isAddress(address, port), 'not an address')

const serviceKept = z.looseObject({ asked: z.string(), endpoints: z.array(endpointKept).max(50_000) })

export interface KeptSet {
  /** The lookup that it answers: it says nothing about another one. */
  readonly asked: string
  readonly set: EndpointSet
}

export interface ConsulKept {
  readonly services: ReadonlyMap<string, KeptSet>
  readonly known: readonly string[]
}

/** Its own file: a folder that served a mesh with a plane before keeps both. */
export const CONSUL_KEPT: KeptFormat<ConsulKept> = {
  file: 'consul-endpoints.json',
  read: ({ services, known }: KeptContent) => ({
    known,
    services: new Map(
      Object.entries(services).map(([name, value]) => {
        const { asked, endpoints } = serviceKept.parse(value)
        return [name, { asked, set: { endpoints } }]
      }),
    ),
  }),
}
