import { balancePiece } from './balance/index.ts'
import type { Attempt } from './core/attempt.ts'
import type { Call } from './core/call.ts'
import type { AttemptLayer, CallLayer, Hop, Tries } from './core/hop.ts'
import type { Deps, LayerModule } from './core/module.ts'
import type { PolicyPiece } from './core/piece.ts'
import type { Params } from './core/plan.ts'
import { load } from './endpoints/load.ts'
import { outlier } from './endpoints/outlier.ts'
import { pick } from './endpoints/pick.ts'
import { connectPiece } from './policy/connect.ts'
import { lookupPiece } from './policy/lookup.ts'
import { mtlsPiece } from './policy/mtls.ts'
import { breaker } from './resilience/breaker.ts'
import { deadline } from './resilience/deadline.ts'
import type { Gate } from './resilience/gate.ts'
import { inheritCancel } from './resilience/inherit-cancel.ts'
import { limit } from './resilience/limit.ts'
import { ready } from './resilience/ready.ts'
import { retry } from './resilience/retry.ts'
import { tooLate } from './resilience/too-late.ts'
import { tryTimeout } from './resilience/try-timeout.ts'
import { authorize } from './security/authorize.ts'
import { meter } from './telemetry/meter.ts'
import { meterIn } from './telemetry/meter-in.ts'
import { meterTry } from './telemetry/meter-try.ts'
import { trace } from './telemetry/trace.ts'
import { traceIn } from './telemetry/trace-in.ts'
import { traceTry } from './telemetry/trace-try.ts'

/**
 * THE ORDER. Above means nearer the application: a call goes down, a verdict comes up. This file is the only place
 * that knows it, and every line says why it stands where it stands.
 */

/** One line of the order. */
interface Line<L> {
  readonly module: LayerModule<unknown, L>
  readonly why: string
}

const line = <P, L>(module: LayerModule<P, L>, why: string): Line<L> => ({
  module: module as LayerModule<unknown, L>,
  why,
})

/** Per route, rebuilt with each policy; what the layers count lives in the ServiceState and survives. */
const CALL: readonly Line<CallLayer>[] = [
  line(trace, 'above all: waits, retries and rejections are inside the span of the call'),
  line(meter, 'above retry: counts what the application asked for'),
  line(inheritCancel, 'above deadline: when the caller is gone, no time that is left matters'),
  line(deadline, 'above retry: the promise made to the caller covers all attempts and back-offs'),
  line(limit, 'below deadline: a queued call must still be able to run out of time'),
  line(ready, 'below limit: waits for the first endpoint set, outside every timer that judges a peer'),
  line(
    breaker,
    'above retry: opens when calls fail although they were retried, then fails fast and spends no budget',
  ),
]

const TRIES: Line<Tries> = line(
  retry,
  'makes attempts: each picks an endpoint afresh and knows which were tried',
)

const ATTEMPT: readonly Line<AttemptLayer>[] = [
  line(tryTimeout, 'below retry: bounds one attempt from sent to head; connecting has its own bound'),
]

const PICK_WHY = 'the waist: route stacks end here, endpoint stacks begin here; never waits'

/** Per endpoint; survives policies. */
const ENDPOINT: readonly Line<AttemptLayer>[] = [
  line(
    traceTry,
    'HTTP: a client span per attempt; gRPC: an event on the span of the call; injects the trace header',
  ),
  line(meterTry, 'counts attempts; http.client.request.duration is per attempt by convention'),
  line(
    outlier,
    'judges the endpoint at end: an ejected one leaves the picker, one real probe brings it back',
  ),
  line(load, 'below outlier: an instant rejection must not look like a fast endpoint'),
]

const GATE_WHY = 'above all: counts what is in flight; after the grace of a drain refuses'

const INBOUND: readonly Line<CallLayer>[] = [
  line(traceIn, 'above the refusing layers: refusals have a span too'),
  line(meterIn, 'above the refusing layers: refusals are counted too'),
  line(
    authorize,
    'above the deadline: the denied learn nothing but that, and cost nothing; below the meter: they are counted',
  ),
  line(tooLate, 'a request that is already too late is refused before it costs anything'),
]

/** A layer that is there, as `mesh.describe()` shows it. */
export interface BuiltLayer {
  readonly role: string
  readonly why: string
  readonly params: unknown
}

export interface Built<U> {
  readonly hop: Hop<U>
  readonly layers: readonly BuiltLayer[]
}

/** Everything from the application down to the choice of an endpoint. */
export function buildRoute(params: Params, deps: Deps): Built<Call<unknown>> {
  const attempts = compose(ATTEMPT, params, deps, {
    hop: pick(deps.service),
    layers: [{ role: 'pick', why: PICK_WHY, params: params[balancePiece.key] }],
  })
  const tries = TRIES.module.layer(paramsOf(TRIES.module, params), deps)
  if (tries === undefined) throw new Error('the line that makes attempts cannot be absent')
  const calls: Built<Call<unknown>> = {
    hop: tries(attempts.hop),
    layers: [shown(TRIES, params), ...attempts.layers],
  }
  return compose(CALL, params, deps, calls)
}

/** From the choice of an endpoint down to its socket. */
export function buildEndpoint(
  leaf: Hop<Attempt<unknown>>,
  params: Params,
  deps: Deps,
): Built<Attempt<unknown>> {
  return compose(ENDPOINT, params, deps, {
    hop: leaf,
    layers: [{ role: 'leaf', why: 'http or grpc', params: params[connectPiece.key] }],
  })
}

/** Around every request that arrives; the leaf runs the application's handler. */
export function buildInbound<W>(gate: Gate, leaf: Hop<Call<W>>, deps: Deps): Built<Call<W>> {
  const inner = compose(INBOUND, {}, deps, {
    hop: leaf as Hop<Call<unknown>>,
    layers: [{ role: 'leaf', why: "the application's handler", params: undefined }],
  })
  return {
    hop: gate.layer(inner.hop) as Hop<Call<W>>,
    layers: [{ role: 'gate', why: GATE_WHY, params: undefined }, ...inner.layers],
  }
}

type Layer<U> = (next: Hop<U>) => Hop<U>

/** Lays the lines on top of each other, the last one nearest to what is below. A layer that is not asked for is not there. */
function compose<U>(lines: readonly Line<Layer<U>>[], params: Params, deps: Deps, below: Built<U>): Built<U> {
  return lines.reduceRight((built, entry) => {
    const layer = entry.module.layer(paramsOf(entry.module, params), deps)
    return layer === undefined
      ? built
      : { hop: layer(built.hop), layers: [shown(entry, params), ...built.layers] }
  }, below)
}

const paramsOf = (module: LayerModule<unknown, unknown>, params: Params): unknown =>
  module.piece === undefined ? undefined : params[module.piece.key]

const shown = ({ module, why }: Line<unknown>, params: Params): BuiltLayer => ({
  role: module.role,
  why,
  params: paramsOf(module, params),
})

const OUTBOUND: readonly LayerModule<unknown, unknown>[] = [...CALL, TRIES, ...ATTEMPT, ...ENDPOINT].map(
  ({ module }) => module,
)

/** Every key of the policy document that a module owns, once. Clients, the plane and the linter read the same list. */
export const policyPieces: readonly PolicyPiece<unknown>[] = [
  ...new Set([
    ...OUTBOUND.flatMap(({ piece }) => (piece === undefined ? [] : [piece])),
    balancePiece,
    connectPiece,
    mtlsPiece,
    lookupPiece,
  ]),
]

/** Brings what a service counts in line with a new plan (budget, limits, breaker). Called after its stacks are built. */
export function reconcile(params: Params, service: Deps['service']): void {
  for (const module of OUTBOUND) module.reconcile?.(paramsOf(module, params), service)
}
