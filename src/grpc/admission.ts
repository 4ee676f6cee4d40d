import { MeshError } from '../core/errors.ts'
import type { ServicePlan } from '../core/plan.ts'
import type { Runtime } from '../core/runtime.ts'
import { resolveName } from '../policy/names.ts'
import type { MeshCall } from './mesh-call.ts'

/** How long a call waits for `mesh.start()` where it has no deadline, in milliseconds. */
const START_WAIT_MS = 15_000
/** How often a call that waits for ready looks whether its service has become known, in milliseconds. */
const LOOK_AGAIN_MS = 1000

/**
 * Finds the route of calls to one service. In the tick of the call where the mesh is ready and knows the service; else
 * the call waits: for `start()`, for a name that has just begun to listen, and with `waitForReady` for any name as long
 * as it has time.
 */
export class Admission {
  readonly #runtime: Runtime
  readonly #service: string
  readonly #waiting = new Set<MeshCall>()

  constructor(runtime: Runtime, service: string) {
    this.#runtime = runtime
    this.#service = service
  }

  admit(call: MeshCall): void {
    const { state } = this.#runtime
    if (state === 'closed') call.refuse(this.#closed())
    else if (state === 'idle' || state === 'starting') void this.#wait(call, true)
    else if (!this.#launch(call)) void this.#wait(call, false)
  }

  /** Ends the calls that are still waiting. */
  close(error: unknown): void {
    for (const call of this.#waiting) call.refuse(error)
  }

  #launch(call: MeshCall): boolean {
    const plan = this.plan()
    if (plan === undefined) return false
    const route = plan.route('POST', call.method, 'grpc')
    call.launch(route, this.#runtime.stackFor(route, 'grpc'))
    return true
  }

  /** The time spent here is part of what the call has. */
  async #wait(call: MeshCall, start: boolean): Promise<void> {
    let why = start ? notStarted : () => this.#unknown()
    const leftMs = call.leftMs()
    const patienceMs = call.waitForReady ? Number.POSITIVE_INFINITY : START_WAIT_MS
    const disarm = this.#after(Math.min(leftMs, patienceMs), () =>
      call.refuse(leftMs <= patienceMs ? this.#outOfTime(why()) : why()),
    )
    this.#waiting.add(call)
    try {
      if (start) await this.#runtime.whenReady()
      why = () => this.#unknown()
      if (this.#stranger) await this.#runtime.newcomer?.(this.#service)
      while (call.waitForReady && !call.over && this.#stranger) await this.#pause()
    } catch (error) {
      call.refuse(error)
    } finally {
      disarm()
      this.#waiting.delete(call)
    }
    if (call.over) return
    if (this.#runtime.state === 'closed') call.refuse(this.#closed())
    else if (!this.#launch(call)) call.refuse(this.#unknown())
  }

  /** Nobody knows the service, and somebody may yet tell of it. */
  get #stranger(): boolean {
    return this.#runtime.state !== 'closed' && this.plan() === undefined
  }

  #after(ms: number, fn: () => void): () => void {
    return ms === Number.POSITIVE_INFINITY ? () => {} : this.#runtime.clock.after(Math.max(0, ms), fn)
  }

  /** Ends at once where the mesh closes. */
  #pause(): Promise<void> {
    const { clock, events } = this.#runtime
    return new Promise((resolve) => {
      const go = (): void => {
        disarm()
        deaf()
        resolve()
      }
      const disarm = clock.after(LOOK_AGAIN_MS, go)
      const deaf = events.on('state', go)
    })
  }

  /** Of the service of this name, or of the one that claims it. */
  plan(): ServicePlan | undefined {
    const known = this.#runtime.plan(this.#service)
    if (known !== undefined) return known
    const { snapshot, suffixes } = this.#runtime
    const resolved = resolveName(snapshot, suffixes, 'http:', `${this.#service}.${suffixes[0]}`, '')
    return resolved !== undefined && 'plan' in resolved ? resolved.plan : undefined
  }

  #unknown(): MeshError {
    const { snapshot } = this.#runtime
    const near = this.#runtime.nearest?.(this.#service, snapshot.services.keys())
    const advice = near === undefined ? '' : `; did you mean "${near}"?`
    const message = `no service "${this.#service}" is known${advice}`
    return new MeshError('TULLE_UNKNOWN_SERVICE', message, { layer: 'grpc', service: this.#service })
  }

  #closed(): MeshError {
    return new MeshError('TULLE_CLOSED', `${this.#service}: the mesh is closed`, { layer: 'grpc' })
  }

  #outOfTime(cause: MeshError): MeshError {
    const message = `${this.#service}: the deadline passed while the call waited: ${cause.message}`
    return new MeshError('TULLE_DEADLINE', message, { layer: 'grpc', hint: cause.hint, cause })
  }
}

function notStarted(): MeshError {
  return new MeshError('TULLE_NOT_READY', 'the mesh was not started within the time the call had', {
    layer: 'grpc',
    hint: 'mesh.health() says what it waits for: a plane, a certificate, a policy, endpoints. `await mesh.start()` before the first call.',
  })
}
