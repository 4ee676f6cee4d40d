import { z } from 'zod'
import { endpointWire } from '../core/plane-wire.ts'

/** What the plane answers to administrators, as far as it is printed. Loose: a newer plane may say more. */

export const mintedWire = z.looseObject({ id: z.string(), token: z.string() })

export const tokensWire = z.looseObject({
  tokens: z.array(
    z.looseObject({
      id: z.string(),
      service: z.string(),
      createdAtMs: z.number().optional(),
      expiresAtMs: z.number().optional(),
      uses: z.number().optional(),
      used: z.number(),
      revoked: z.boolean(),
    }),
  ),
})

export const bansWire = z.looseObject({
  bans: z.array(z.looseObject({ service: z.string(), sinceMs: z.number(), reason: z.string().optional() })),
})

const authority = z.looseObject({ sha256: z.string(), notAfterMs: z.number() })
export const authorityWire = z.looseObject({
  trustDomain: z.string(),
  source: z.string(),
  /** The signing certificate first, its root last. */
  active: z.array(authority).min(1),
  previous: authority.extend({ leavesUntilMs: z.number() }).optional(),
})
export type AuthorityWire = z.infer<typeof authorityWire>

export const sequenceWire = z.looseObject({ sequence: z.int(), changed: z.boolean().optional() })

const version = z.looseObject({
  sequence: z.int(),
  author: z.string(),
  message: z.string(),
  at: z.number(),
})
export const versionsWire = z.looseObject({ versions: z.array(version) })
export const versionWire = version.extend({
  documents: z.array(z.looseObject({ name: z.string(), text: z.string() })),
})
export type VersionWire = z.infer<typeof versionWire>

export const subscribersWire = z.looseObject({
  subscribers: z.array(
    z.looseObject({
      instance: z.string(),
      service: z.string(),
      sequence: z.int(),
      refused: z.array(z.string()),
      seen: z.number(),
    }),
  ),
})

export const servicesWire = z.looseObject({
  services: z.record(z.string(), z.array(endpointWire.and(z.looseObject({ instances: z.number() })))),
})

export const problemsWire = z.looseObject({
  problems: z.array(
    z.looseObject({
      path: z.string(),
      message: z.string(),
      file: z.string(),
      line: z.number().optional(),
      column: z.number().optional(),
    }),
  ),
})

export const anything = z.unknown()
