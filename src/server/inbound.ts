import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { PeerIdentity, Target } from '../core/call.ts'
import { CODES } from '../core/codes.ts'
import { isMeshError, type MeshError } from '../core/errors.ts'
import type { Hop } from '../core/hop.ts'
import { MeshRequestView } from '../core/mesh-request.ts'
import { refusal } from '../core/outcome.ts'
import type { PathMode, Runtime } from '../core/runtime.ts'
import { ambientIn } from './ambient-in.ts'
import { asStranger, type CanonicalRequest, canonicalise } from './canonical.ts'
import { DEFAULT_PATH_MODE } from './canonical-path.ts'
import { Deadlines } from './deadlines.ts'
import type { Door } from './door.ts'
import type { Exchange, Track } from './exchange.ts'
import { InboundCall, type InboundWire } from './inbound-call.ts'
import { DEFAULT_LIMITS } from './limits.ts'
import { refuse, refuseRaw } from './refuse.ts'
import { type Listener, RequestExchange } from './request-exchange.ts'
import { strip } from './strip.ts'
import { UpgradeExchange, type UpgradeListener } from './upgrade-exchange.ts'

export interface InboundOptions {
  /** Default: the runtime's. */
  readonly paths?: PathMode | undefined
  /** Default 100. */
  readonly maxHeaders?: number | undefined
  /**
   * A router has already chosen by this target: then it can no longer be rewritten, and one that is not canonical is
   * refused, or the route would be found by one path and judged by another.
   */
  readonly routedBy?: string | undefined
  /** Judges who brings a request; undefined: nobody is judged, and everybody's deadline is believed. */
  readonly door?: Door | undefined
  readonly track?: Track | undefined
}

const NO_OPTIONS: InboundOptions = Object.freeze({})
/** Marks a request that has been through the stack, so that serve and a middleware together are still once. */
const HANDLED = Symbol.for('tulle.inbound.v1')
type Handled = { [HANDLED]?: InboundCall }

/** The call of a request that is already inside the stack. */
export function inboundCall(req: IncomingMessage): InboundCall | undefined {
  return (req as Handled)[HANDLED]
}

/**
 * THE way in: makes one canonical request, sends it through the inbound stack and runs the application inside its
 * ambient. Every adapter ends here. Never throws; whatever the application throws becomes a 500.
 */
export function handle(
  runtime: Runtime,
  req: IncomingMessage,
  res: ServerResponse,
  listener: Listener,
  options: InboundOptions = NO_OPTIONS,
): void {
  if (inboundCall(req) !== undefined) {
    listener(req, res)
    return
  }
  const caller = callerOf(runtime, req, options)
  const request = isMeshError(caller) ? caller : admit(runtime, req, options)
  if (isMeshError(request) || isMeshError(caller)) {
    refuse(res, request as MeshError)
    return
  }
  const exchange = new RequestExchange(runtime, req, res, listener, options.track)
  enter(runtime, req, request, caller, exchange, options)
}

/** The same for a request to switch protocols. */
export function handleUpgrade(
  runtime: Runtime,
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  listener: UpgradeListener,
  options: InboundOptions = NO_OPTIONS,
): void {
  const caller = callerOf(runtime, req, options)
  const request = isMeshError(caller) ? caller : admit(runtime, req, options)
  if (isMeshError(request) || isMeshError(caller)) {
    socket.on('error', () => {})
    refuseRaw(socket, request as MeshError, req.method)
    return
  }
  const exchange = new UpgradeExchange(runtime, req, socket, head, listener, options.track)
  enter(runtime, req, request, caller, exchange, options)
}

/** Who is calling comes before everything else: nothing below may guess. */
function callerOf(
  runtime: Runtime,
  req: IncomingMessage,
  { door }: InboundOptions,
): PeerIdentity | MeshError {
  if (door === undefined) return { address: req.socket.remoteAddress }
  const caller = door.caller(req.socket)
  if (isMeshError(caller)) announceRefused(runtime, req, caller)
  return caller
}

/** Reads the request, then leaves on it nothing but what was read: the application sees exactly what is judged. */
function admit(
  runtime: Runtime,
  req: IncomingMessage,
  options: InboundOptions,
): CanonicalRequest | MeshError {
  const {
    paths = runtime.inboundPaths ?? DEFAULT_PATH_MODE,
    maxHeaders = DEFAULT_LIMITS.maxHeaders,
    routedBy,
  } = options
  const target = routedBy ?? req.url ?? ''
  const request = canonicalise(req, target, { paths, maxHeaders, rewritable: routedBy === undefined })
  if (isMeshError(request)) {
    announceRefused(runtime, req, request)
    return request
  }
  if (request.spoofed !== undefined) strip(req, request.spoofed)
  if (routedBy === undefined) {
    const canonical = request.path + request.query
    if (canonical !== target) req.url = canonical
  }
  return request
}

function enter(
  runtime: Runtime,
  req: IncomingMessage,
  given: CanonicalRequest,
  peer: PeerIdentity,
  exchange: Exchange,
  options: InboundOptions,
): void {
  const { hop, target, deadlines } = insideOf(runtime)
  const { door } = options
  const request = door?.open ? asStranger(given) : given
  const context = runtime.tracing.extract?.(req.headers)
  const ambient = ambientIn(request, runtime.clock.now(), peer, exchange.scope, context)
  const call = new InboundCall(
    exchange,
    req.method ?? 'GET',
    request.path,
    runtime.inboundRoute,
    target,
    peer,
    ambient,
  )
  exchange.mesh = new MeshRequestView(
    peer,
    ambient.deadline,
    request.previousAttempts,
    runtime.clock,
    exchange.scope,
  )
  req.mesh = exchange.mesh
  ;(req as Handled)[HANDLED] = call
  options.track?.add(exchange)
  if (door?.old(req.socket)) exchange.lastOfConnection()
  exchange.enter(hop, call, deadlines)
}

interface Inside {
  readonly hop: Hop<InboundCall>
  readonly target: Target
  readonly deadlines: Deadlines
}

const INSIDES = new WeakMap<Runtime, Inside>()

/** The stack of a runtime around our leaf, built once. */
function insideOf(runtime: Runtime): Inside {
  let inside = INSIDES.get(runtime)
  if (inside === undefined) {
    const hop = runtime.inbound<InboundWire>((call, observer) =>
      call.wire.begin(call as InboundCall, observer),
    )
    inside = {
      hop: hop as Hop<InboundCall>,
      target: Object.freeze({ service: runtime.service }),
      deadlines: new Deadlines(runtime.clock),
    }
    INSIDES.set(runtime, inside)
  }
  return inside
}

/** What is refused before it is a call passes no layer, yet operators want to count it. Its target is not repeated. */
function announceRefused(runtime: Runtime, req: IncomingMessage, error: MeshError): void {
  runtime.log.debug('refused a request before it was a call', {
    code: error.code,
    reason: error.message,
    peer: req.socket.remoteAddress,
  })
  if (!runtime.events.wants('request')) return
  runtime.events.emit('request', {
    protocol: 'http',
    service: runtime.service,
    method: req.method ?? '',
    route: undefined,
    path: '',
    status: CODES[error.code].http,
    peer: req.socket.remoteAddress,
    outcome: refusal(error),
    durationMs: 0,
    traceId: undefined,
  })
}
