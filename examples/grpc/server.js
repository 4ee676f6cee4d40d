import { Server, status } from '@grpc/grpc-js'
import { createMesh } from 'tulle'
import { meshOf, serve } from 'tulle/grpc'
import { Pricing } from './proto.js'

const mesh = createMesh() // TULLE_SERVICE names it

const reply = (call, cents = 250) => ({
  sku: call.request.sku,
  cents: cents * (call.request.quantity || 1),
  servedBy: process.pid,
  remainingMs: meshOf(call).remainingMs(), // what is left of the caller's deadline
})

const server = new Server()
server.addService(Pricing.service, {
  quote(call, callback) {
    if (call.request.sku === '') callback({ code: status.INVALID_ARGUMENT, details: 'which sku?' })
    else callback(null, reply(call))
  },
  watch(call) {
    let cents = 250
    const timer = setInterval(() => call.write(reply(call, cents++)), 200)
    call.on('cancelled', () => clearInterval(timer))
  },
})

const { port } = await serve(mesh, server, { port: Number(process.env.PORT ?? 0), host: '127.0.0.1' })
console.log(`listening on http://127.0.0.1:${port}`)
