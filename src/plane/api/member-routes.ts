import type { FastifyInstance } from 'fastify'
import { ackWire } from '../../core/plane-wire.ts'
import { Refusal } from '../refusal.ts'
import { serviceOf } from './guard.ts'
import type { Parts } from './parts.ts'

/** What the processes of the mesh ask every plane for: the policy. */
export function memberRoutes(app: FastifyInstance, { policies, subscribers, polls }: Parts): void {
  const policy = {
    etag: () => policies.etag,
    json: () => policies.json(),
    onChange: (wake: () => void) => policies.onChange(wake),
  }
  app.get('/v1/policy', { config: { allow: 'member' } }, (request, reply) =>
    polls.answer(request, reply, policy),
  )

  app.post('/v1/acks', { config: { allow: 'service' } }, async (request, reply) => {
    const ack = ackWire.parse(request.body)
    if (ack.service !== serviceOf(request.caller) || !subscribers.acknowledge(ack))
      throw new Refusal('forbidden', `the instance ${ack.instance} is another service's`)
    return reply.code(204).send()
  })
}
