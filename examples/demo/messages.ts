/** How an instance is told to misbehave. Undefined fields: as usual. */
export interface Behaviour {
  readonly delayMs?: number
  /** Refuse with this status … */
  readonly status?: number
  /** … requests whose path ends so. Undefined: all of them. */
  readonly only?: string
}

/** A finished span on its way to the runner. Times are milliseconds since the epoch. */
export interface SpanRecord {
  readonly service: string
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string | undefined
  readonly name: string
  /** The name of OpenTelemetry's SpanKind, lower case. */
  readonly kind: string
  readonly startMs: number
  readonly endMs: number
  readonly failed: boolean
  readonly attributes: Readonly<Record<string, string | number | boolean>>
}

/** What the runner asks an instance, over the channel that Node opens to a forked process. */
export type Question =
  | { readonly ask: 'behave'; readonly behaviour: Behaviour }
  | { readonly ask: 'refusals' }
  | { readonly ask: 'health' }
  | { readonly ask: 'describe'; readonly service: string }
  | { readonly ask: 'spans'; readonly traceId: string }

/** What the runner asks the plane. */
export type PlaneQuestion =
  | { readonly ask: 'token'; readonly service: string }
  | { readonly ask: 'push'; readonly documents: readonly { readonly name: string; readonly text: string }[] }
  | { readonly ask: 'rotate' }
  | { readonly ask: 'retire' }
  | { readonly ask: 'subscribers' }

/** The plane would not do it, and why. */
export interface Refused {
  readonly refused: string
}

/** A process that runs a version of the policy, as it told the plane itself. */
export interface Subscriber {
  readonly instance: string
  readonly service: string
  readonly sequence: number
  readonly refused: readonly string[]
}

export type Reply =
  | { readonly ready: true }
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly error: string }
