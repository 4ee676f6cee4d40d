const BLOCK = /-----BEGIN ([A-Z0-9 ]{1,40})-----([A-Za-z0-9+/=\s]*)-----END \1-----/g

/** One PEM block (RFC 7468), lines of 64 letters. */
export function pemOf(label: string, der: Uint8Array): string {
  const base64 = Buffer.from(der).toString('base64')
  return `-----BEGIN ${label}-----\n${base64.replace(/.{1,64}/g, '$&\n')}-----END ${label}-----\n`
}

/** The certificates of a PEM text in their order; what else is in it is passed over. */
export function certificatesOf(pem: string): Uint8Array[] {
  return dersOf(pem, ['CERTIFICATE', 'X509 CERTIFICATE', 'TRUSTED CERTIFICATE'])
}

/** The content of every block with one of the labels, in order. */
export function dersOf(pem: string, labels: readonly string[]): Uint8Array[] {
  return [...pem.matchAll(BLOCK)]
    .filter(([, label]) => labels.includes(label ?? ''))
    .map(([, , base64]) => new Uint8Array(Buffer.from(base64 ?? '', 'base64')))
}
