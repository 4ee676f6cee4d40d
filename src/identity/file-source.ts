import { stat } from 'node:fs/promises'
import { MeshError } from '../core/errors.ts'
import type { Clock, Logger } from '../core/ports.ts'
import { readBundle } from './bundle.ts'
import { keyPem, readKey } from './keys.ts'
import { judgeOwn } from './own.ts'
import { certificatesOf } from './pem.ts'
import { Problems } from './problems.ts'
import { sameBytes } from './same-bytes.ts'
import { type Reading, SettledFiles } from './settled-files.ts'
import type { Credentials, Holding, IdentitySource, SourceHealth, Trust } from './source.ts'
import { readSvid, type Svid } from './svid.ts'

export interface FileSourceOptions {
  /** PEM, leaf first: cert-manager's `tls.crt`. */
  readonly certFile: string
  /** PEM, not encrypted: `tls.key`. */
  readonly keyFile: string
  /** PEM or a SPIFFE bundle (JWKS): `ca.crt`. The trust domain is that of the certificate. */
  readonly bundleFile: string
  readonly clock: Clock
  readonly wall: () => number
  readonly log: Logger
  /** How long the files must stay the same before they are taken for whole, in milliseconds; default 50. */
  readonly settleMs?: number | undefined
  /** How often the files are looked at, in milliseconds; default 1000. */
  readonly pollMs?: number | undefined
  /** How long `start` waits for usable files, in milliseconds; default 5000. */
  readonly startWithinMs?: number | undefined
}

interface Held extends Holding {
  readonly credentials: Credentials
  readonly trust: Trust
}

/**
 * Certificates that somebody else issues and renews: a Kubernetes secret, a cert-manager volume. The three files are taken
 * together or not at all: a key that is not the certificate's, a chain that leads to none of the roots, or half a file never
 * replace a good whole, and are said in health.
 */
export class FileSource implements IdentitySource {
  readonly name: string
  readonly #options: FileSourceOptions
  readonly #problems: Problems
  #files: SettledFiles | undefined
  #held: Held | undefined
  #receivedMs: number | undefined
  #onHolding: (holding: Holding) => void = () => {}

  constructor(options: FileSourceOptions) {
    this.#options = options
    this.#problems = new Problems(options.log)
    this.name = `files ${options.certFile}`
  }

  async start(onHolding: (holding: Holding) => void, signal: AbortSignal): Promise<void> {
    const { certFile, keyFile, bundleFile, clock, settleMs, pollMs, startWithinMs = 5000 } = this.#options
    this.#onHolding = onHolding
    await this.#files?.close()
    await new Promise<void>((resolve, reject) => {
      const done = (): void => {
        disarm()
        signal.removeEventListener('abort', stop)
      }
      const stop = (): void => {
        done()
        reject(signal.reason)
      }
      const disarm = clock.after(startWithinMs, () => {
        done()
        reject(this.#nothing())
      })
      signal.addEventListener('abort', stop, { once: true })
      this.#files = new SettledFiles({
        paths: [certFile, keyFile, bundleFile],
        clock,
        settleMs,
        pollMs,
        onSettled: (readings) => {
          const taken = this.#take(readings)
          if (taken) {
            done()
            resolve()
          }
          return taken
        },
      })
      if (signal.aborted) return stop()
      this.#files.start()
    })
  }

  health(): SourceHealth {
    const ageMs =
      this.#receivedMs === undefined ? undefined : Math.max(0, this.#options.wall() - this.#receivedMs)
    return {
      from: this.#held === undefined ? undefined : 'files',
      certificateAgeMs: ageMs,
      trustAgeMs: ageMs,
      renewalInMs: undefined,
      problem: this.#problems.text,
    }
  }

  async close(): Promise<void> {
    await this.#files?.close()
  }

  /** @returns whether they are in force */
  #take(readings: readonly Reading[]): boolean {
    const read = this.#judged(readings)
    if (read instanceof MeshError) {
      const kept = this.#held === undefined ? '' : '; what was there before stays in force'
      this.#problems.set('files', `${read.message}${kept}`)
      return false
    }
    this.#problems.clear('files')
    this.#held = read
    this.#receivedMs = this.#options.wall()
    this.#onHolding(read)
    void this.#warnOfMode()
    return true
  }

  /** Unchanged parts are the very ones that were held before: a new bundle is no new certificate. */
  #judged(readings: readonly Reading[]): Held | MeshError {
    const texts: string[] = []
    for (const reading of readings) {
      if ('unreadable' in reading) return wrong(reading.unreadable)
      texts.push(new TextDecoder().decode(reading))
    }
    const [certificate = '', key = '', roots = ''] = texts
    const { certFile, keyFile, bundleFile, wall } = this.#options
    const chain = certificatesOf(certificate)
    const leaf =
      chain[0] === undefined ? wrong(`${certFile}: there is no PEM certificate in it`) : readSvid(chain[0])
    if (leaf instanceof MeshError)
      return leaf.code === 'TULLE_PEER' ? wrong(`${certFile}: ${leaf.message}`) : leaf
    const credentials = this.#credentials(chain, key)
    if (credentials instanceof MeshError) return credentials
    const trust = this.#trust(roots, leaf)
    if (trust instanceof MeshError) return wrong(`${bundleFile}: ${trust.message}`)
    const svid = judgeOwn(credentials, { trust, wallMs: wall() })
    return svid instanceof MeshError
      ? wrong(`${certFile}, ${keyFile}: ${svid.message}`, svid.hint)
      : { credentials, trust }
  }

  #credentials(chain: readonly Uint8Array[], pem: string): Credentials | MeshError {
    try {
      const key = readKey(pem).privateKey
      const held = this.#held?.credentials
      const unchanged =
        held !== undefined &&
        sameBytes(held.chain, chain) &&
        keyPem({ privateKey: held.key }) === keyPem({ privateKey: key })
      return unchanged ? held : { chain, key }
    } catch {
      return wrong(`${this.#options.keyFile}: it is no private key in PEM, or it is encrypted`)
    }
  }

  #trust(text: string, { trustDomain }: Svid): Trust | MeshError {
    const bundle = readBundle(text, trustDomain)
    if (bundle instanceof MeshError) return bundle
    const held = this.#held?.trust
    const unchanged = held?.bundle.trustDomain === trustDomain && sameBytes(held.bundle.roots, bundle.roots)
    return held !== undefined && unchanged ? held : { bundle, denied: new Set() }
  }

  async #warnOfMode(): Promise<void> {
    const { keyFile } = this.#options
    const stats = await stat(keyFile).catch(() => undefined)
    // A group that may read is how Kubernetes lends a secret to a user (fsGroup).
    const mode = (stats?.mode ?? 0) & 0o777
    if ((mode & 0o027) === 0 || process.getuid === undefined) this.#problems.clear('mode')
    else
      this.#problems.set(
        'mode',
        `${keyFile} has mode 0${mode.toString(8)}: others than its owner may use the key; run: chmod 600 ${keyFile} (a Kubernetes secret: defaultMode: 0400)`,
      )
  }

  #nothing(): MeshError {
    const { certFile, keyFile, bundleFile } = this.#options
    const why = this.#problems.text ?? 'they do not lie still'
    return wrong(`no usable certificate in ${certFile}, ${keyFile} and ${bundleFile}: ${why}`)
  }
}

function wrong(message: string, hint?: string): MeshError {
  return new MeshError('TULLE_IDENTITY', message, { layer: 'identity', hint })
}
