import { Agent, Dispatcher, errors } from 'undici'
import { type Ambient, NO_AMBIENT } from '../core/ambient.ts'
import { MeshError } from '../core/errors.ts'
import type { ServicePlan, Snapshot } from '../core/plan.ts'
import type { Runtime } from '../core/runtime.ts'
import { resolveName } from '../policy/names.ts'
import type { Nearest } from '../policy/nearest.ts'
import { HttpCall } from './call.ts'
import { Exchange } from './exchange.ts'
import { type ParsedOptions, parseCallOptions } from './options.ts'
import { receiverOf } from './receiver.ts'
import { type DispatchOptions, HttpRequest } from './request.ts'

/** How long a call waits for `mesh.start()` where it has no timeout of its own, in milliseconds. */
const START_WAIT_MS = 15_000
/** Origins remembered per policy; beyond it the memory starts afresh. */
const MAX_ORIGINS = 1024

export interface SeamOptions {
  /** The dispatcher that was there before: everything that is not the mesh's goes to it unchanged. */
  previous(): Dispatcher
  /** Finds the name somebody may have meant. */
  readonly nearest?: Nearest
}

/** What an origin means under one snapshot. */
type Meaning =
  | { readonly plan: ServicePlan; readonly host: string }
  | { readonly error: MeshError }
  | undefined

/**
 * `mesh.dispatcher`: where undici's world enters the mesh. A call to an origin that is not the mesh's is handed on with
 * the same two objects, untouched, in the same tick. A mesh call is copied, checked, given its route and sent into the
 * stack in the same tick too; only before `start()` is over does it wait.
 *
 * Before the first policy is there, a host that policy would claim cannot be told from a stranger, and passes by;
 * names under the mesh suffixes wait.
 */
export class MeshDispatcher extends Dispatcher {
  readonly #runtime: Runtime
  readonly #options: SeamOptions
  #fallback: Dispatcher | undefined
  #snapshot: Snapshot | undefined
  readonly #meanings = new Map<string, Meaning>()

  constructor(runtime: Runtime, options: SeamOptions) {
    super()
    this.#runtime = runtime
    this.#options = options
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    return this.send(options, handler, (options as DispatchOptions | undefined)?.mesh)
  }

  /** `dispatch` with what the caller says of this one call given apart. */
  send(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler, mesh: unknown): boolean {
    const meaning = this.#meaningOf(options?.origin)
    if (meaning === undefined) return this.#previous().dispatch(options, handler)
    if (typeof handler !== 'object' || handler === null)
      throw new errors.InvalidArgumentError('handler must be an object')
    let exchange: Exchange
    let asked: ParsedOptions
    try {
      const request = new HttpRequest(options)
      asked = parseCallOptions(mesh)
      exchange = new Exchange(request)
      exchange.receiver = receiverOf(
        handler,
        exchange,
        request.upgrade !== undefined || request.method === 'CONNECT',
      )
    } catch (error) {
      receiverOf(handler, NOTHING_TO_ABORT, options.method === 'CONNECT' || Boolean(options.upgrade)).onError(
        error,
      )
      return false
    }
    const ambient = this.#ambient()
    if (!exchange.begin()) return true
    const { state } = this.#runtime
    const wait = state === 'closed' ? undefined : this.#reasonToWait(state, meaning)
    if (wait !== undefined) void this.#wait(wait, exchange, options.origin, asked, ambient)
    else if (state === 'closed') exchange.refuse(closed())
    else this.#launch(exchange, meaning, asked, ambient)
    return true
  }

  /** Does nothing: what the mesh opened closes with `mesh.close()`, and what was there before is not ours to close. */
  override close(callback: () => void): void
  override close(): Promise<void>
  override close(callback?: () => void): Promise<void> | void {
    return callback === undefined ? Promise.resolve() : process.nextTick(callback)
  }

  /** Does nothing, like `close`. */
  override destroy(error: Error | null, callback: () => void): void
  override destroy(callback: () => void): void
  override destroy(error?: Error | null): Promise<void>
  override destroy(first?: Error | null | (() => void), second?: () => void): Promise<void> | void {
    const callback = typeof first === 'function' ? first : second
    return callback === undefined ? Promise.resolve() : process.nextTick(callback)
  }

  #launch(exchange: Exchange, meaning: Meaning, asked: ParsedOptions, ambient: Ambient): void {
    if (meaning === undefined || 'error' in meaning) {
      exchange.refuse(meaning?.error)
      return
    }
    const { method, path } = exchange.request
    const route = meaning.plan.route(method, path)
    const call = new HttpCall(exchange, meaning.host, route, ambient, asked)
    exchange.launch(call, this.#runtime.stackFor(route, 'http'))
  }

  /** Before the start is over, and for a name that may belong to a service that has just begun to listen. */
  #reasonToWait(state: Runtime['state'], meaning: Meaning): Wait | undefined {
    if (state === 'idle' || state === 'starting') return { over: this.#runtime.whenReady(), late: notStarted }
    return this.#newcomer(meaning)
  }

  #newcomer(meaning: Meaning): Wait | undefined {
    if (meaning === undefined || !('error' in meaning) || this.#runtime.newcomer === undefined)
      return undefined
    const { error } = meaning
    if (error.code !== 'TULLE_UNKNOWN_SERVICE' || error.service === undefined) return undefined
    const over = this.#runtime.newcomer(error.service)
    return over === undefined ? undefined : { over, late: () => error }
  }

  /** The time spent here is part of what the call has. */
  async #wait(
    { over, late }: Wait,
    exchange: Exchange,
    origin: string | URL | undefined,
    asked: ParsedOptions,
    ambient: Ambient,
  ): Promise<void> {
    const { clock } = this.#runtime
    const since = clock.now()
    const { timeoutMs } = asked.call
    const disarm = clock.after(timeoutMs ?? START_WAIT_MS, () => exchange.refuse(late()))
    try {
      await over
    } catch (error) {
      exchange.refuse(error)
    } finally {
      disarm()
    }
    if (exchange.over) return
    const left = timeoutMs === undefined ? undefined : Math.max(1, timeoutMs - (clock.now() - since))
    const then = { ...asked, call: { ...asked.call, timeoutMs: left } }
    const meaning = this.#meaningOf(origin)
    // A mesh that has just started has heard of nobody that must be asked for.
    const next = late === notStarted ? this.#newcomer(meaning) : undefined
    if (next !== undefined) await this.#wait(next, exchange, origin, then, ambient)
    else this.#launch(exchange, meaning, then, ambient)
  }

  #ambient(): Ambient {
    const ambient = this.#runtime.ambient.get() ?? NO_AMBIENT
    const context = this.#runtime.tracing.capture() ?? ambient.context
    return context === ambient.context ? ambient : { ...ambient, context }
  }

  #previous(): Dispatcher {
    const previous = this.#options.previous()
    if (previous !== this) return previous
    this.#fallback ??= new Agent()
    return this.#fallback
  }

  #meaningOf(origin: string | URL | undefined): Meaning {
    if (origin === undefined || origin === null) return undefined
    const { snapshot } = this.#runtime
    if (snapshot !== this.#snapshot) {
      this.#meanings.clear()
      this.#snapshot = snapshot
    }
    const key = typeof origin === 'string' ? origin : origin.origin
    const known = this.#meanings.get(key)
    if (known !== undefined || this.#meanings.has(key)) return known
    const meaning = this.#resolve(snapshot, key)
    // An error is made anew for each call: it carries that call's stack.
    if (meaning !== undefined && 'error' in meaning) return meaning
    if (this.#meanings.size >= MAX_ORIGINS) this.#meanings.clear()
    this.#meanings.set(key, meaning)
    return meaning
  }

  #resolve(snapshot: Snapshot, origin: string): Meaning {
    if (!URL.canParse(origin)) return undefined
    const { protocol, hostname, port, host } = new URL(origin)
    if (protocol !== 'http:' && protocol !== 'https:') return undefined
    const { nearest } = this.#options
    const resolved = resolveName(snapshot, this.#runtime.suffixes, protocol, hostname, port, nearest)
    return resolved !== undefined && 'plan' in resolved ? { plan: resolved.plan, host } : resolved
  }
}

/** What a call waits for before it has a route, and what is said where it waited too long. */
interface Wait {
  readonly over: Promise<void>
  late(): MeshError
}

const NOTHING_TO_ABORT = { abort(): void {} }

function closed(): MeshError {
  return new MeshError('TULLE_CLOSED', 'the mesh is closed', { layer: 'http' })
}

function notStarted(): MeshError {
  return new MeshError('TULLE_NOT_READY', 'the mesh was not started within the time the call had', {
    layer: 'http',
    hint: 'Call mesh.start(), and await it before the first call where start-up is slow.',
  })
}
