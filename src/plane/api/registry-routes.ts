import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { registrationWire } from '../../core/plane-wire.ts'
import { Refusal } from '../refusal.ts'
import { serviceOf } from './guard.ts'
import type { OwnParts, Parts } from './parts.ts'

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

/** Who is where: registration, heartbeats, endpoints. */
export function registryRoutes(
  app: FastifyInstance,
  { subscribers, polls }: Parts,
  { registry }: OwnParts,
): void {
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

  app.get('/v1/services', { config: { allow: 'admin' } }, async () => ({ services: servicesOf(registry) }))
}

/** Endpoints by service, each with how many instances hold it. */
export function servicesOf(registry: OwnParts['registry']): Record<string, object[]> {
  return Object.fromEntries(
    Object.entries(registry.services()).map(([name, known]) => [
      name,
      known.map(({ endpoint, instances }) => ({ ...endpoint, instances })),
    ]),
  )
}
