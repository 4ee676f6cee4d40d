import { isMeshError, MeshError } from '../../core/errors.ts'
import type { Logger } from '../../core/ports.ts'
import { sha256Of } from '../../identity/bundle.ts'
import { keyPem } from '../../identity/keys.ts'
import { pemOf } from '../../identity/pem.ts'
import { stillRooted } from '../../identity/rooted.ts'
import type { Credentials, Holding, IdentitySource } from '../../identity/source.ts'
import { tlsMaterial } from '../../identity/tls-material.ts'
import { PLANE_SERVICE } from '../access/service-name.ts'
import type { PlaneTls } from '../api/server.ts'

export interface ConnectIdentityOptions {
  /** Of the service `tulle-plane`. */
  readonly source: IdentitySource
  readonly wall: () => number
  readonly log: Logger
}

interface InForce {
  readonly trustDomain: string
  /** DER; another array after each change. */
  readonly roots: readonly Uint8Array[]
  readonly credentials: Credentials
  /** Our SPIFFE ID without the service. */
  readonly prefix: string
}

/** How many intermediates of our own are remembered, for peers that show the leaf alone. */
const KNOWN = 5

/** Who a plane is whose certificates are Connect's: its server's certificate, and whom it believes. */
export class ConnectIdentity {
  readonly #options: ConnectIdentityOptions
  readonly #listeners = new Set<() => void>()
  #inForce: InForce | undefined
  #intermediates: readonly Uint8Array[] = []

  private constructor(options: ConnectIdentityOptions) {
    this.#options = options
  }

  /** Rejects as the source does, and with TULLE_IDENTITY where what it brings cannot be used. */
  static async start(options: ConnectIdentityOptions): Promise<ConnectIdentity> {
    const identity = new ConnectIdentity(options)
    let wrong: MeshError | undefined
    await options.source.start((holding) => {
      wrong = identity.#take(holding)
    }, new AbortController().signal)
    if (identity.#inForce !== undefined) return identity
    await identity.close()
    throw wrong ?? new MeshError('TULLE_IDENTITY', `no certificate came from ${options.source.name}`)
  }

  get trustDomain(): string {
    return this.#now.trustDomain
  }

  get roots(): readonly Uint8Array[] {
    return this.#now.roots
  }

  get intermediates(): readonly Uint8Array[] {
    return this.#intermediates
  }

  /** Of the root our certificate rests on, lower-case hexadecimal: what an admin token pins. */
  get rootSha256(): string {
    const { roots, credentials } = this.#now
    const wallMs = this.#options.wall()
    const [leaf] = credentials.chain
    // During a rotation what lies between leads to the old root as well, which will soon be gone.
    const rests = (on: Uint8Array, chain: readonly Uint8Array[]): boolean => stillRooted(chain, [on], wallMs)
    const root =
      roots.find((one) => rests(one, [leaf!])) ??
      roots.find((one) => rests(one, credentials.chain)) ??
      roots[0]!
    return sha256Of(root)
  }

  /** The roots go along: who has only an admin token finds there the one it pins. */
  get tls(): PlaneTls {
    const { roots, credentials } = this.#now
    const ca = roots.map(pem)
    const chain = credentials.chain.map(pem)
    return {
      key: keyPem({ privateKey: credentials.key }),
      cert: [...chain, ...ca.filter((root) => !chain.includes(root))].join(''),
      ca,
    }
  }

  /** The service of an ID of our namespace and datacenter; undefined: it is none of them. */
  serviceOf(id: string): string | undefined {
    const { prefix } = this.#now
    const service = id.startsWith(prefix) ? id.slice(prefix.length) : ''
    return service === '' || service.includes('/') ? undefined : service
  }

  /** A listener must not throw. @returns the removal */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  close(): Promise<void> {
    return this.#options.source.close()
  }

  get #now(): InForce {
    if (this.#inForce === undefined) throw new MeshError('TULLE_IDENTITY', 'there is no certificate yet')
    return this.#inForce
  }

  /** What cannot be used changes nothing. */
  #take({ trust, credentials }: Holding): MeshError | undefined {
    const { wall, log } = this.#options
    if (credentials === undefined) return undefined
    const { trustDomain, roots } = trust.bundle
    const material = tlsMaterial(credentials, roots, wall())
    const wrong = isMeshError(material) ? material : misnamed(material.svid.id)
    if (wrong !== undefined) {
      log.error(`identity: ${wrong.message}`, { code: wrong.code })
      return wrong
    }
    const { id } = (material as Exclude<typeof material, MeshError>).svid
    const above = credentials.chain.slice(1)
    this.#intermediates = [...above, ...this.#intermediates.filter((one) => !above.includes(one))].slice(
      0,
      KNOWN,
    )
    this.#inForce = {
      trustDomain,
      roots: [...roots],
      credentials,
      prefix: id.slice(0, -PLANE_SERVICE.length),
    }
    for (const listener of this.#listeners) listener()
    return undefined
  }
}

/** Members take nobody else for a plane (`identity/verify-plane.ts`). */
function misnamed(id: string): MeshError | undefined {
  if (id.endsWith(`/svc/${PLANE_SERVICE}`)) return undefined
  return new MeshError('TULLE_IDENTITY', `the certificate is that of ${id}, not of a plane`, {
    layer: 'plane',
  })
}

const pem = (der: Uint8Array): string => pemOf('CERTIFICATE', der)
