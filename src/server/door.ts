import type { Socket } from 'node:net'
import type { PeerIdentity } from '../core/call.ts'
import { isMeshError, MeshError, stormError } from '../core/errors.ts'
import type { Identity, MtlsMode } from '../core/identity.ts'
import { RefusalLog } from '../core/refusal-log.ts'
import type { Runtime } from '../core/runtime.ts'
import { type Secured, securedOf } from './secured.ts'

/**
 * The mode a listener is in: its own word, or else the mesh's.
 * @throws TULLE_CONFIG where TLS is asked for and the mesh has no identity
 */
export function listenerMode(runtime: Runtime, own: MtlsMode | undefined): MtlsMode {
  const mode = own ?? runtime.inboundMtls ?? 'disable'
  if (mode === 'disable' || runtime.identity !== undefined) return mode
  const message = `mtls: '${mode}' needs an identity, and this mesh has none.`
  const hint = 'Give the mesh a plane and a join token, or certificate files; or serve with mtls: disable.'
  throw new MeshError('TULLE_CONFIG', message, { layer: 'server', hint })
}

/**
 * Judges who may bring requests, once per request, by the socket it came on and nothing else.
 *
 * - `strict`: verified peers alone.
 * - `permissive`: others too, counted, without an identity.
 * - `disable`, in a mesh that has an identity: a public door, where no header speaks for the mesh.
 */
export class Door {
  readonly mode: MtlsMode
  readonly #runtime: Runtime
  readonly #refusals: RefusalLog
  #told = false

  constructor(runtime: Runtime, mode: MtlsMode) {
    this.mode = mode
    this.#runtime = runtime
    this.#refusals = new RefusalLog(runtime.clock, runtime.log)
  }

  /** Undefined where there is nothing to judge: no identity, so plaintext among friends. */
  static of(runtime: Runtime, mode: MtlsMode): Door | undefined {
    return mode === 'disable' && runtime.identity === undefined ? undefined : new Door(runtime, mode)
  }

  /** Whether anybody may come in, so that nobody's word about deadlines and attempts is the mesh's. */
  get open(): boolean {
    return this.mode === 'disable'
  }

  /** Who brings this request, or why it is refused; then its connection must end. */
  caller(socket: Socket): PeerIdentity | MeshError {
    if (this.mode === 'disable') return { address: socket.remoteAddress, public: true }
    const secured = securedOf(socket)
    if (secured === undefined) return this.#plaintext(socket.remoteAddress)
    const objection = objectionTo(this.#runtime.identity, secured)
    if (objection === undefined) return secured.caller
    this.#refusals.warn('refused a request', objection.message, { code: objection.code, ...secured.caller })
    return objection
  }

  /** Whether a connection has lived long enough to be replaced. */
  old(socket: Socket): boolean {
    const secured = securedOf(socket)
    return secured !== undefined && this.#runtime.clock.now() >= secured.closeAtMs
  }

  #plaintext(address: string | undefined): PeerIdentity | MeshError {
    const { events, log } = this.#runtime
    if (this.mode === 'permissive') {
      if (events.wants('plaintext-request')) events.emit('plaintext-request', { peer: address })
      return { address }
    }
    const error = plaintextRefused()
    if (!this.#told) {
      this.#told = true
      log.error('a request came on a socket that is not verified by mutual TLS; such requests are refused', {
        code: error.code,
        hint: "Listen through mesh.serve, or in Fastify through serverFactory from 'tulle/fastify': they bring the TLS.",
        address,
      })
    }
    return error
  }
}

const STANDALONE = new WeakMap<Runtime, Door>()

/** The door of apps that listen by themselves, one for a mesh: they are in the mesh's own mode, and bring no TLS of ours. */
export function standaloneDoor(runtime: Runtime): Door | undefined {
  if (runtime.identity === undefined && (runtime.inboundMtls ?? 'disable') === 'disable') return undefined
  let door = STANDALONE.get(runtime)
  if (door === undefined) {
    door = new Door(runtime, runtime.inboundMtls ?? 'disable')
    STANDALONE.set(runtime, door)
  }
  return door
}

export function plaintextRefused(): MeshError {
  return stormError('TULLE_PLAINTEXT_REFUSED', 'This listener takes mutual TLS only.', {
    layer: 'server',
    hint: 'Call it through the mesh, as a service with an identity. Where it is this service that brings no TLS: serve through mesh.serve or serverFactory, or make the listener permissive while you migrate.',
  })
}

/** Why a connection that was good must carry nothing more. A judge that fails has not said yes. */
export function objectionTo(identity: Identity | undefined, { peer }: Secured): MeshError | undefined {
  if (identity === undefined)
    return stormError('TULLE_IDENTITY', 'This mesh has no identity.', { layer: 'server' })
  try {
    return identity.refusal() ?? identity.objection(peer)
  } catch (cause) {
    if (isMeshError(cause)) return cause
    return new MeshError('TULLE_PEER', 'The peer could not be judged.', { layer: 'server', cause })
  }
}
