/** Certificates of one trust domain for the TLS arms, as files in a directory of their own. P-256, TLS 1.3, no resumption. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TestCa } from '../test/kit/certificates.ts'

/** The caller's side, and the upstream's. */
export type Side = 'bench' | 'orders'

/** Whoever makes it removes it. */
export function makeCertificates(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tulle-bench-'))
  const ca = TestCa.create()
  writeFileSync(join(folder, 'roots.pem'), ca.rootPem)
  for (const service of ['bench', 'orders'] satisfies Side[]) {
    const svid = ca.issue({ service, dns: [service] })
    writeFileSync(join(folder, `${service}.pem`), svid.chainPem.join(''))
    writeFileSync(join(folder, `${service}.key`), svid.keyPem, { mode: 0o600 })
  }
  return folder
}

/** For Node's own TLS, which verifies the chain here and judges nobody. */
export function tlsOptions(folder: string, side: Side) {
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8')
  return {
    ca: read('roots.pem'),
    cert: read(`${side}.pem`),
    key: read(`${side}.key`),
    minVersion: 'TLSv1.3',
    ALPNProtocols: ['http/1.1'],
    checkServerIdentity: () => undefined,
  } as const
}

/** For a mesh, as its environment. */
export function meshEnvironment(folder: string, side: Side): Record<string, string> {
  return {
    TULLE_CERT_FILE: join(folder, `${side}.pem`),
    TULLE_KEY_FILE: join(folder, `${side}.key`),
    TULLE_TRUST_BUNDLE_FILE: join(folder, 'roots.pem'),
  }
}
