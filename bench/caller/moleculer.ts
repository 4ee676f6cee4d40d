import { ANSWER_BYTES, type CallerSettings } from '../messages.ts'
import { brokerOf, NODE } from '../moleculer-broker.ts'
import type { Caller } from './drive.ts'

/** An action of another node, with moleculer's own balancing, retries, breaker and timeout. */
export async function moleculerCaller({ ports }: CallerSettings): Promise<Caller> {
  const broker = brokerOf('bench', { urls: [`127.0.0.1:${ports[0]}/${NODE}`] })
  await broker.start()
  await broker.waitForServices('orders', 10_000)
  return {
    once: (_method, done) =>
      void broker
        .call<string, { page: string }>('orders.items', { page: '2' })
        .then(
          (answer) => done(answer.length === ANSWER_BYTES ? undefined : new Error(`${answer.length} bytes`)),
          done,
        ),
  }
}
