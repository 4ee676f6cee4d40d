import type { AddressInfo } from 'node:net'
import express from 'express'
import { fastify } from 'fastify'
import { serverFactory } from '../../src/server/fastify.ts'
import type { UpstreamSettings } from '../messages.ts'
import { BODY, counted, KEEP_ALIVE_MS } from './application.ts'
import { serverOf, servingMesh } from './http.ts'
import type { Listen, Tally } from './main.ts'
import { portOf } from './socket.ts'

const PATH = '/v1/items'

function expressApp(tally: Tally): express.Express {
  const app = express()
  const count = counted(tally)
  app.get(PATH, (req, res) => {
    count(req)
    res.type('text/plain').send(BODY)
  })
  return app
}

export const listenExpress: Listen = async (settings, tally) => [
  await portOf(serverOf(settings, expressApp(tally))),
]

export const listenExpressMesh: Listen = async (settings, tally) => {
  const mesh = await servingMesh(settings)
  return [(await mesh.serve(expressApp(tally), { host: '127.0.0.1', signals: false })).port]
}

export const listenFastify: Listen = (settings, tally) => fastifyOn(settings, tally, false)
export const listenFastifyMesh: Listen = (settings, tally) => fastifyOn(settings, tally, true)

async function fastifyOn(settings: UpstreamSettings, tally: Tally, meshed: boolean): Promise<number[]> {
  const app = meshed
    ? fastify({ serverFactory: serverFactory(await servingMesh(settings)) })
    : fastify({ keepAliveTimeout: KEEP_ALIVE_MS })
  const count = counted(tally)
  app.get(PATH, (req, reply) => {
    count(req.raw)
    reply.type('text/plain').send(BODY)
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  return [(app.server.address() as AddressInfo).port]
}
