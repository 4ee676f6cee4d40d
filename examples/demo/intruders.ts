import { createMesh, isMeshError, type Mesh } from 'tulle'
import { request } from 'undici'

const CALL_MS = 10_000

/** A caller without a certificate: what it is told. */
export async function plaintext(port: number): Promise<string> {
  const { statusCode, body } = await request(`http://127.0.0.1:${port}/items/plaintext`, {
    headersTimeout: CALL_MS,
    bodyTimeout: CALL_MS,
  })
  const { code, message } = (await body.json()) as { code?: string; message?: string }
  return `${statusCode} ${code}: ${message}`
}

/** A caller that means orders and reaches another service, whose certificate is valid: why it sends nothing. */
export async function withCertificateOf(token: string, port: number): Promise<string> {
  const mesh = createMesh({
    service: 'web',
    joinToken: token,
    endpoints: { orders: `127.0.0.1:${port}` },
    log: 'silent',
    env: {},
  })
  try {
    const answer = await mesh.fetch('http://orders.mesh/items/impostor', {
      signal: AbortSignal.timeout(CALL_MS),
    })
    return `answered ${answer.status}`
  } catch (error) {
    return isMeshError(error) ? `${error.code}: ${error.message}` : String(error)
  } finally {
    await mesh.close()
  }
}

/** Somebody with the identity of orders who registers the address of another service as his own. */
export class Intruder {
  readonly #mesh: Mesh

  private constructor(mesh: Mesh) {
    this.#mesh = mesh
  }

  static async register(token: string, port: number): Promise<Intruder> {
    const mesh = createMesh({
      service: 'orders',
      joinToken: token,
      advertise: `127.0.0.1:${port}`,
      drainDelay: 0,
      log: 'silent',
      env: {},
    })
    await mesh.serve((_req, res) => void res.end(), { port: 0, host: '127.0.0.1', signals: false })
    return new Intruder(mesh)
  }

  async close(): Promise<void> {
    await this.#mesh.close()
  }
}
