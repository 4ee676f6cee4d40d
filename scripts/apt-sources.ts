/** One place to get packages from, as the files in `/etc/apt` name it. */
export interface AptSource {
  readonly uri: string
  readonly suites: readonly string[]
  readonly components: readonly string[]
  /** A keyring's path; undefined where none is named or the key stands in the file itself. */
  readonly signedBy: string | undefined
}

const RELEASE = /^(?:oldoldstable|oldstable|stable|testing|unstable|sid|bullseye|bookworm|trixie|forky|duke)$/

/** The binary package sources of a one-line file, `sources.list(5)`. */
export function readOneLineSources(text: string): AptSource[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)\s+([^#\n]+)/.exec(line)
    if (match === null) return []
    const [, options = '', uri = '', suite = '', components = ''] = match
    const signedBy = /(?:^|\s)signed-by=(\S+)/.exec(options)?.[1]
    return [{ uri, suites: [suite], components: components.trim().split(/\s+/), signedBy }]
  })
}

/** The binary package sources of a deb822 file, `*.sources`: stanzas of fields, folded lines begin with white space. */
export function readDeb822Sources(text: string): AptSource[] {
  const stanzas = text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .split(/\n\s*\n/)
  return stanzas.flatMap((stanza) => {
    const fields = new Map(
      [...stanza.matchAll(/^([\w-]+):[ \t]*(.*(?:\n[ \t]+.*)*)/gm)].map(([, name = '', value = '']) => [
        name.toLowerCase(),
        value.trim(),
      ]),
    )
    const words = (name: string): string[] => (fields.get(name) ?? '').split(/\s+/).filter(Boolean)
    if (!words('types').includes('deb') || fields.get('enabled')?.toLowerCase() === 'no') return []
    const signedBy = fields.get('signed-by')
    return words('uris').map((uri) => ({
      uri,
      suites: words('suites'),
      components: words('components'),
      signedBy: signedBy?.startsWith('/') ? signedBy.split(/\s+/)[0] : undefined,
    }))
  })
}

/**
 * The mirror of Debian's own archive among a machine's sources: it offers `main` of a Debian release, and is signed by
 * Debian's keyring or by whatever apt trusts anyway. Security and third-party archives hold other releases, other
 * components or bring a keyring of their own.
 */
export function debianMirror(sources: readonly AptSource[]): AptSource | undefined {
  const fit = sources.filter(
    ({ uri, suites, components, signedBy }) =>
      /^(?:https?|mirror\+\S+|file):/.test(uri) &&
      suites.some((suite) => RELEASE.test(suite)) &&
      components.includes('main') &&
      !/security/.test(uri) &&
      (signedBy === undefined || /debian-archive/.test(signedBy)),
  )
  return fit.find(({ uri }) => /\/debian\/?$/.test(uri)) ?? fit[0]
}
