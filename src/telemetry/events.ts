import { type Channel, channel } from 'node:diagnostics_channel'
import type { EventMap, EventName, Events } from '../core/events.ts'

type Listener<N extends EventName> = (payload: EventMap[N]) => void

/** Every name, so that the channels exist before anybody emits. */
const NAMES: { readonly [N in EventName]: true } = {
  call: true,
  request: true,
  retry: true,
  'retry-refused': true,
  ejected: true,
  readmitted: true,
  panic: true,
  breaker: true,
  endpoints: true,
  'policy-applied': true,
  'policy-refused': true,
  state: true,
  'plaintext-request': true,
  'connection-refused': true,
}

/** One process-wide diagnostics channel per event, `tulle:call` and so on; held, because channels are collected. */
const CHANNELS = Object.fromEntries(
  Object.keys(NAMES).map((name) => [name, channel(`tulle:${name}`)]),
) as Record<EventName, Channel>

/**
 * Carries the events of one mesh to its listeners and to the diagnostics channels. A listener that throws harms
 * neither the others nor the call it was told of.
 */
export class EventBus implements Events {
  readonly #listeners = new Map<EventName, readonly Listener<never>[]>()
  readonly #onError: (name: EventName, error: unknown) => void

  /** @param onError told of every error a listener throws */
  constructor(onError: (name: EventName, error: unknown) => void = () => {}) {
    this.#onError = onError
  }

  wants(name: EventName): boolean {
    return this.#listeners.has(name) || CHANNELS[name].hasSubscribers
  }

  emit<N extends EventName>(name: N, payload: EventMap[N]): void {
    for (const listener of (this.#listeners.get(name) ?? []) as readonly Listener<N>[]) {
      try {
        listener(payload)
      } catch (error) {
        this.#onError(name, error)
      }
    }
    const published = CHANNELS[name]
    if (published.hasSubscribers) published.publish(payload)
  }

  /** Returns the removal, safe to call twice. Lists are replaced, so whoever is being told is told to the end. */
  on<N extends EventName>(name: N, listener: Listener<N>): () => void {
    // One listener may be added twice, and is then removed one at a time.
    const entry: Listener<N> = (payload) => listener(payload)
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), entry])
    return () => {
      const left = (this.#listeners.get(name) ?? []).filter((other) => other !== (entry as unknown))
      if (left.length === 0) this.#listeners.delete(name)
      else this.#listeners.set(name, left)
    }
  }
}
