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
  readonly #secured: boolean
  #server: HealthServer | undefined

  /** @param secured whether anybody is called or served over TLS; where not, a certificate is for the plane alone */
  constructor(port: number, health: () => Health, secured = true) {
    this.#port = port
    this.#health = health
    this.#secured = secured
  }

  /** Where it listens; undefined: it does not. */
  get port(): number | undefined {
    return this.#server?.port
  }

  async start(): Promise<void> {
    this.#server ??= await createHealthServer({
      port: this.#port,
      live: () => true,
      ready: () => readiness(this.#health(), this.#secured),
    })
  }

  async close(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    await server?.close()
  }
}

/** Without a certificate in force nobody could be served, so nobody should be sent here. */
function readiness(
  { state, identity, service }: Health,
  secured: boolean,
): { ok: boolean; reasons: readonly string[] } {
  const leaf = identity?.levels.find(({ level }) => level === 'leaf')
  const needless = identity === undefined || !secured
  const reasons = [
    ...(state === 'ready' ? [] : [`${service} is ${state}`]),
    ...(needless || (leaf !== undefined && leaf.daysLeft > 0) ? [] : [`${service} has no valid certificate`]),
  ]
  return { ok: reasons.length === 0, reasons }
}
