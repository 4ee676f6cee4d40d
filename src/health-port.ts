import type { Part } from './core/ports.ts'
import type { Health } from './report.ts'
import { createHealthServer, type HealthServer } from './server/health-server.ts'

/**
 * `TULLE_HEALTH_PORT`, open before anything else starts and until everything else is closed: alive from the first
 * moment, ready when the mesh is. What is degraded does not make it unready: it goes on with what it has.
 */
export class HealthPort implements Part {
  readonly name = 'health'
  readonly #port: number
  readonly #health: () => Health
  #server: HealthServer | undefined

  constructor(port: number, health: () => Health) {
    this.#port = port
    this.#health = health
  }

  /** Where it listens; undefined: it does not. */
  get port(): number | undefined {
    return this.#server?.port
  }

  async start(): Promise<void> {
    this.#server ??= await createHealthServer({
      port: this.#port,
      live: () => true,
      ready: () => readiness(this.#health()),
    })
  }

  async close(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    await server?.close()
  }
}

/** Without a certificate in force nobody could be served, so nobody should be sent here. */
function readiness({ state, identity, service }: Health): { ok: boolean; reasons: readonly string[] } {
  const leaf = identity?.levels[0]
  const reasons = [
    ...(state === 'ready' ? [] : [`${service} is ${state}`]),
    ...(identity === undefined || (leaf !== undefined && leaf.daysLeft > 0)
      ? []
      : [`${service} has no valid certificate`]),
  ]
  return { ok: reasons.length === 0, reasons }
}
