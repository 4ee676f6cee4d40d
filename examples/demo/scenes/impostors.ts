import { Intruder, plaintext, withCertificateOf } from '../intruders.ts'
import { curtain, nobodyNoticed, planeOf, type Scene } from '../stage.ts'
import { check, pause, until } from '../wait.ts'

export const impostors: Scene = {
  name: 'impostors',
  headline: 'Plaintext is refused, and so is the certificate of another service',
  async play(stage) {
    const { process: plane } = planeOf(stage)
    const orders = stage.cluster.named('orders-1')
    const stock = stage.cluster.named('stock-1')
    const answer = await plaintext(orders.port)
    stage.say(`plaintext GET to ${orders.name}: ${answer}`)
    check(/TULLE_PLAINTEXT_REFUSED/.test(answer), `a plaintext caller was answered ${answer}`)
    await until('the word of the server about it', 5000, () => wordOf(orders.said) !== undefined)
    stage.say(`and its own log: ${wordOf(orders.said)}`)

    const tokens = { web: await plane.token('web'), orders: await plane.token('orders') }
    const reason = await withCertificateOf(tokens.web, stock.port)
    stage.say(reason)
    check(/TULLE_PEER/.test(reason) && /svc\/stock/.test(reason), `the caller said ${reason}`)

    const intruder = await Intruder.register(tokens.orders, stock.port)
    stage.say(`the registry now calls ${stock.name} an instance of orders: web finds out in the handshake`)
    try {
      await until('web to know the wrong address', 3000, async () => {
        const { endpoints } = (await stage.cluster.web.ask({ ask: 'describe', service: 'orders' })) as {
          endpoints: readonly { id: string }[]
        }
        return endpoints.some(({ id }) => id === `127.0.0.1:${stock.port}`)
      })
      await pause(1500)
    } finally {
      await intruder.close()
    }
    const figures = await curtain(stage)
    nobodyNoticed(figures)
    return 'plaintext gets 426 TULLE_PLAINTEXT_REFUSED; where the certificate is not of orders nothing is sent (TULLE_PEER), and another instance answers'
  },
}

/** What a server wrote of a plaintext caller. */
function wordOf(log: string): string | undefined {
  return log.split('\n').findLast((line) => line.includes('TULLE_PLAINTEXT_REFUSED'))
}
