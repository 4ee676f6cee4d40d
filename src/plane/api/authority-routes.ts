import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { svidRequestWire } from '../../core/plane-wire.ts'
import type { OwnParts, Parts } from './parts.ts'

const tokenRequest = z.looseObject({
  service: z.string(),
  expiresInMs: z.number().optional(),
  uses: z.number().optional(),
})
const id = z.object({ id: z.string().min(1).max(100) })
const service = z.object({ service: z.string().min(1).max(100) })
const reason = z.looseObject({ reason: z.string().max(500).optional() }).nullish()
const force = z.looseObject({ force: z.boolean().optional() }).nullish()

/** Certificates, trust, and who may have them. */
export function authorityRoutes(app: FastifyInstance, { polls }: Parts, own: OwnParts): void {
  const { authority, tokens, bans, where } = own
  const read = { config: { allow: 'admin' } } as const
  const change = { config: { allow: 'admin', audit: 'mutation' } } as const

  app.get('/v1/trust', { config: { allow: 'anyone' } }, (request, reply) =>
    polls.answer(request, reply, authority.trust),
  )

  app.post('/v1/svid', { config: { allow: 'joining', audit: 'mutation' } }, async (request) => {
    const asked = svidRequestWire.parse(request.body)
    request.detail = `an SVID for ${asked.service}`
    return authority.issue(request.caller, asked)
  })

  app.post('/v1/tokens', change, async (request) => {
    const { service: name, expiresInMs, uses } = tokenRequest.parse(request.body)
    const made = tokens.mint(name, where(), {
      ...(expiresInMs === undefined ? {} : { expiresInMs }),
      ...(uses === undefined ? {} : { uses }),
    })
    await tokens.persisted(made.id)
    request.detail = `join token ${made.id} for ${name}`
    return made
  })

  app.get('/v1/tokens', read, async () => ({ tokens: tokens.list() }))

  app.delete('/v1/tokens/:id', change, async (request, reply) => {
    await tokens.revoke(id.parse(request.params).id)
    return reply.code(204).send()
  })

  app.get('/v1/bans', read, async () => ({ bans: bans.list() }))

  app.put('/v1/bans/:service', change, async (request, reply) => {
    const why = reason.parse(request.body)?.reason
    request.detail = why
    await bans.ban(service.parse(request.params).service, why)
    return reply.code(204).send()
  })

  app.delete('/v1/bans/:service', change, async (request, reply) => {
    await bans.unban(service.parse(request.params).service)
    return reply.code(204).send()
  })

  app.get('/v1/ca', read, async () => authority.describe())

  app.post('/v1/ca/rotate', change, async () => {
    await authority.rotate()
    return authority.describe()
  })

  app.post('/v1/ca/retire', change, async (request) => {
    await authority.retire({ force: force.parse(request.body)?.force === true })
    return authority.describe()
  })
}
