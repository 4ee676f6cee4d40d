import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { ackWire, registrationWire } from '../../core/plane-wire.ts'
import { Refusal } from '../refusal.ts'
import { serviceOf } from './guard.ts'
import type { Parts } from './parts.ts'

const instance = z.object({ instance: z.string().min(1).max(128) })
/** What a process may ask about in one poll. */
const MAX_ASKED = 1000
const asked = z.object({
  service: z
    .union([z.string(), z.array(z.string())])
    .transform((names) => [...new Set(typeof names === 'string' ? [names] : names)].sort())
    .pipe(z.array(registrationWire.shape.service).max(MAX_ASKED))
    .default([]),
})

/** What the processes of the mesh ask for: registration, endpoints, policy. */
export function memberRoutes(app: FastifyInstance, parts: Parts): void {
  const { registry, policies, subscribers, polls } = parts
  const lease = () => ({ ttlMs: registry.ttlMs })

  const mine = (name: string, service: string): void => {
    const owner = registry.serviceOf(name)
    if (owner !== undefined && owner !== service)
      throw new Refusal('forbidden', `the instance ${name} is registered for another service`)
  }

  app.put('/v1/instances/:instance', { config: { allow: 'service', audit: 'mutation' } }, async (request) => {
    const { instance: name } = instance.parse(request.params)
    const registration = registrationWire.parse(request.body)
    const service = serviceOf(request.caller)
    if (registration.service !== service)
      throw new Refusal('forbidden', `the certificate is that of ${service}, not of ${registration.service}`)
    const where = registration.endpoints.map(({ address, port }) => `${address}:${port}`)
    request.detail = `${service} at ${where.join(', ') || 'no address'}`
    await registry.register(name, registration)
    return lease()
  })

  app.post(
    '/v1/instances/:instance/heartbeat',
    { config: { allow: 'service', audit: 'quiet' } },
    async (request) => {
      const { instance: name } = instance.parse(request.params)
      mine(name, serviceOf(request.caller))
      if (!registry.heartbeat(name))
        throw new Refusal('unknown', `the plane does not know the instance ${name}: register again`)
      subscribers.touch(name)
      return lease()
    },
  )

  app.delete(
    '/v1/instances/:instance',
    { config: { allow: 'member', audit: 'mutation' } },
    async (request, reply) => {
      const { instance: name } = instance.parse(request.params)
      if (request.caller.kind !== 'admin') mine(name, serviceOf(request.caller))
      await registry.deregister(name)
      subscribers.forget(name)
      return reply.code(204).send()
    },
  )

  app.get('/v1/endpoints', { config: { allow: 'member' } }, (request, reply) => {
    const { service: services } = asked.parse(request.query)
    return polls.answer(request, reply, {
      etag: () => registry.etag(services),
      json: () => registry.json(services),
      onChange: (wake) => registry.onChange(services, wake),
    })
  })

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
