import type { Clock, Random } from '../core/ports.ts'
import type { Parts } from './api/parts.ts'
import { isEverywhere, urlOf } from './listening.ts'
import type { Push, Pushed } from './policies.ts'
import type { Subscriber } from './subscribers.ts'

/** How a plane is run, wherever its state is. */
export interface EveryPlaneOptions {
  /** Services whose certificate is as good as the admin token; default none. */
  readonly admins?: readonly string[] | undefined
  /** Host names a policy may claim; default those that no public server has (`policy/hosts.ts`). */
  readonly policyHosts?: readonly string[] | undefined
  /** How many versions of the policy are kept; default 200. */
  readonly keepVersions?: number | undefined
  /** Connections at one time; default 10,000. */
  readonly maxConnections?: number | undefined
  readonly clock?: Clock | undefined
  /** Wall-clock milliseconds. */
  readonly wall?: (() => number) | undefined
  readonly random?: Random | undefined
}

/** A running plane, wherever its state is. Its calls are for the program it runs in: they need no token. */
export interface EveryPlane {
  /** Where it is reached from this machine. */
  readonly url: string
  readonly port: number
  /** @throws PolicyRefusal with every problem, Refusal (409) where `expected` is not in force or another came first */
  pushPolicy(push: Omit<Push, 'author' | 'message'> & Partial<Push>): Promise<Pushed>
  /** A new version with the content of an old one. @throws as `pushPolicy`, and Refusal (404) for one not kept */
  rollbackPolicy(to: number): Promise<Pushed>
  /** Who said to it that it runs which version of the policy, and what it refused. */
  subscribers(): readonly Subscriber[]
  /** Answers what waits, closes every connection, and lets go of the state. Safe to call again. */
  close(): Promise<void>
  /** As `close`: `await using plane = await startPlane(…)`. */
  [Symbol.asyncDispose](): Promise<void>
}

export interface EmbeddedOptions {
  readonly parts: Parts
  /** It listens on; undefined: every address. */
  readonly host: string | undefined
  readonly port: number
  /** Called once. */
  readonly shut: () => Promise<void>
}

export interface Embedded {
  readonly plane: EveryPlane
  /** What was done by the program itself goes into the audit log too. */
  written<T>(route: string, result: Promise<T>): Promise<T>
}

/** A plane in the hands of the program it runs in. */
export function embedded({ parts, host, port, shut }: EmbeddedOptions): Embedded {
  const { audit, policies, subscribers, wall } = parts
  const by = { author: 'embedded', message: '' }
  const written: Embedded['written'] = async (route, result) => {
    const value = await result
    await audit.append({ time: wall(), caller: 'embedded', from: 'embedded', route, status: 200 })
    return value
  }
  let closed: Promise<void> | undefined
  const close = (): Promise<void> => {
    closed ??= shut()
    return closed
  }
  const plane: EveryPlane = {
    url: urlOf(isEverywhere(host) ? '127.0.0.1' : (host as string), port),
    port,
    pushPolicy: (push) => written('pushPolicy', policies.push({ ...by, ...push })),
    rollbackPolicy: (to) => written(`rollbackPolicy ${to}`, policies.rollback(to, by)),
    subscribers: () => subscribers.list(),
    close,
    [Symbol.asyncDispose]: close,
  }
  return { plane, written }
}
