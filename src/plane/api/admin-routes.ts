import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { Parts } from './parts.ts'

const POLICY_BYTES = 16 * 1024 * 1024

const words = { message: z.string().max(2000).default(''), author: z.string().max(200).default('') }
const pushWire = z.looseObject({
  ...words,
  documents: z.array(z.looseObject({ name: z.string(), text: z.string().nullable() })).max(2000),
  replace: z.boolean().optional(),
  expected: z.int().min(0).optional(),
})
const rollbackWire = z.looseObject({ ...words, to: z.int().min(1) })
const sequence = z.object({ sequence: z.coerce.number<string>().int().min(1) })
const limit = z.object({ limit: z.coerce.number<string>().int().min(1).max(1000).default(100) })

/** What administrators ask for: the policy and its history, and what is known of the mesh. */
export function adminRoutes(app: FastifyInstance, parts: Parts): void {
  const { policies, subscribers, audit } = parts
  const read = { config: { allow: 'admin' } } as const
  const change = { config: { allow: 'admin', audit: 'mutation' } } as const

  app.post('/v1/policy', { ...change, bodyLimit: POLICY_BYTES }, async (request) => {
    const push = pushWire.parse(request.body)
    const pushed = await policies.push(push)
    request.detail = `version ${pushed.sequence} by ${push.author}${pushed.changed ? '' : ' (no change)'}`
    return pushed
  })

  app.post('/v1/policy/rollback', change, async (request) => {
    const { to, message, author } = rollbackWire.parse(request.body)
    const pushed = await policies.rollback(to, { message, author })
    request.detail = `version ${pushed.sequence} by ${author}, with the documents of ${to}`
    return pushed
  })

  app.get('/v1/policy/versions', read, async () => ({ versions: await policies.history() }))

  app.get('/v1/policy/versions/:sequence', read, async (request) =>
    policies.version(sequence.parse(request.params).sequence),
  )

  app.get('/v1/subscribers', read, async () => ({ subscribers: subscribers.list() }))

  app.get('/v1/audit', read, async (request) => ({
    entries: audit.recent(limit.parse(request.query).limit),
  }))
}
