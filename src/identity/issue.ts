import { MeshError } from '../core/errors.ts'
import type { PlaneLink, PlaneRequest } from '../core/plane.ts'
import { svidWire, type TrustWire } from '../core/plane-wire.ts'
import type { Clock } from '../core/ports.ts'
import { makeCsr } from './csr.ts'
import { makeKey } from './keys.ts'
import { certificatesOf } from './pem.ts'
import type { Credentials } from './source.ts'

/** How long the plane may take for one certificate; it signs in well under a second. */
const ANSWER_MS = 10_000

export interface IssueRequest {
  readonly link: Pick<PlaneLink, 'send'>
  readonly clock: Clock
  readonly service: string
  /** The SPIFFE ID to ask for. */
  readonly id: string
  readonly auth: PlaneRequest['auth']
  readonly signal: AbortSignal
}

/**
 * A certificate from the plane for a fresh key, which never leaves the process. What comes back is not judged yet.
 * Rejects as `PlaneLink.send` does, and with TULLE_PLANE for an answer that is none.
 */
export async function askForSvid(
  request: IssueRequest,
): Promise<{ credentials: Credentials; trust: TrustWire }> {
  const { link, clock, service, id, auth, signal } = request
  const pair = await makeKey()
  const csr = makeCsr(id, pair)
  const answer = await inTime(clock, signal, (own) =>
    link.send({ method: 'POST', path: '/v1/svid', body: { csr, service }, auth }, own),
  )
  const parsed = svidWire.safeParse(answer.body)
  if (!parsed.success)
    throw plane(
      `the plane's answer to a certificate request is malformed: ${parsed.error.issues[0]?.message}`,
    )
  const { chain, trust } = parsed.data
  return { credentials: { chain: chain.flatMap(certificatesOf), key: pair.privateKey }, trust }
}

/** The promise of `send`, given up with its request when it takes too long or the signal fires. */
async function inTime<T>(
  clock: Clock,
  signal: AbortSignal,
  send: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted()
  const own = new AbortController()
  let disarm = (): void => {}
  let stop = (): void => {}
  const over = new Promise<never>((_, reject) => {
    const end = (error: unknown): void => {
      own.abort(error)
      reject(error)
    }
    disarm = clock.background(ANSWER_MS, () =>
      end(plane(`no answer to a certificate request within ${ANSWER_MS / 1000} s`)),
    )
    stop = () => end(signal.reason)
  })
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([send(own.signal), over])
  } finally {
    disarm()
    signal.removeEventListener('abort', stop)
  }
}

function plane(message: string): MeshError {
  return new MeshError('TULLE_PLANE', message, { layer: 'identity' })
}
