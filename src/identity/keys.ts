import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'

/** A key of our own: made in the process, and never sent anywhere. */
export interface KeyPair {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

/** A fresh P-256 key. */
export async function makeKey(): Promise<KeyPair> {
  return promisify(generateKeyPair)('ec', { namedCurve: 'P-256' })
}

/** PKCS#8, PEM, not encrypted: whoever writes it to disk does so at mode 0600. */
export function keyPem({ privateKey }: Pick<KeyPair, 'privateKey'>): string {
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

/** Reads a private key from PEM; throws what `node:crypto` throws where it is none. */
export function readKey(pem: string): KeyPair {
  const privateKey = createPrivateKey(pem)
  return { privateKey, publicKey: createPublicKey(privateKey) }
}

/** Whether it is on the curve P-256, the one kind of key an SVID of the mesh has. */
export function isP256(key: KeyObject): boolean {
  return key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1'
}
