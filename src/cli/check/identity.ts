import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Config } from '../../config.ts'
import { readToken } from '../../core/plane-wire.ts'
import { sha256Of } from '../../identity/bundle.ts'
import { certificatesOf } from '../../identity/pem.ts'
import { checkCertificate } from './certificates.ts'
import { type Finding, fail, warn } from './finding.ts'
import { checkJoinToken } from './join-token.ts'
import type { KeptState } from './kept.ts'
import { checkTrustAge } from './trust-age.ts'

/** Who this service is: its token, its certificate on every level, and whom it believes. */
export async function checkIdentity(
  config: Pick<Config, 'service' | 'joinToken' | 'certFile' | 'keyFile' | 'trustBundle'>,
  kept: KeptState,
  wallMs: number,
): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  const { service, joinToken, certFile, keyFile, trustBundle } = config
  // Of a service that keeps none, those that were configured; a JWKS is the plane's to look after.
  const roots = kept.roots.length > 0 ? kept.roots : certificatesOf(trustBundle ?? '')
  if (joinToken) findings.push(checkJoinToken(joinToken, readToken(joinToken), service))
  findings.push(...kept.trouble)
  const chain = certFile ? await chainIn(certFile, findings) : kept.credentials?.chain
  if (chain === undefined && !joinToken && !certFile)
    findings.push(
      warn(
        'there is neither a join token nor a kept certificate',
        `Without one this service cannot join: tulle token create ${service}`,
      ),
    )
  chain?.forEach((der, place) => {
    const isRoot = roots.some((root) => Buffer.compare(root, der) === 0)
    if (!isRoot)
      findings.push(checkCertificate(place === 0 ? 'certificate' : 'intermediate', der, place === 0, wallMs))
  })
  if (certFile && keyFile && chain?.[0] !== undefined) {
    const wrong = await keyTrouble(keyFile, chain[0])
    if (wrong !== undefined) findings.push(wrong)
  }
  for (const root of roots)
    findings.push(checkCertificate(`root ${sha256Of(root).slice(0, 16)}`, root, false, wallMs))
  if (kept.trust !== undefined) findings.push(checkTrustAge(kept.trust.confirmedMs, roots.length, wallMs))
  return findings
}

async function chainIn(file: string, findings: Finding[]): Promise<readonly Uint8Array[] | undefined> {
  try {
    const chain = certificatesOf(await readFile(file, 'utf8'))
    if (chain.length > 0) return chain
    findings.push(fail(`${file} holds no certificate`, 'TULLE_CERT_FILE must be PEM, the leaf first.'))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    findings.push(
      fail(`TULLE_CERT_FILE cannot be read: ${code ?? message}`, `Is ${file} mounted, and of this user?`),
    )
  }
  return undefined
}

/** A running service keeps the last good pair, so that a wrong one shows at its restart. */
async function keyTrouble(file: string, leaf: Uint8Array): Promise<Finding | undefined> {
  const hint =
    'The service goes on with the last good pair until it is restarted. Replace both files together.'
  try {
    const key = createPrivateKey(await readFile(file))
    if (new X509Certificate(leaf).checkPrivateKey(key)) return undefined
    return fail(`the key in ${file} is not that of the certificate`, hint)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return fail(`TULLE_KEY_FILE (${file}) cannot be used: ${code ?? message}`, hint)
  }
}
