import assert from 'node:assert/strict'
import { test } from 'node:test'
import { debianMirror, readDeb822Sources, readOneLineSources } from '../../scripts/apt-sources.ts'

const ONE_LINE = `
# the archive
deb [arch=amd64 signed-by=/usr/share/keyrings/shop.gpg] https://apt.shop.example/debian bookworm main
deb-src http://mirror.example/debian bookworm main
deb http://mirror.example/debian-security bookworm-security main
deb http://mirror.example/debian-security bookworm main
deb http://mirror.example/debian/ bookworm main contrib # nearby
`

test('the mirror is the one-line entry of a release, not security, sources or a third party', () => {
  const sources = readOneLineSources(ONE_LINE)
  assert.equal(sources.length, 4)
  assert.deepEqual(debianMirror(sources), {
    uri: 'http://mirror.example/debian/',
    suites: ['bookworm'],
    components: ['main', 'contrib'],
    signedBy: undefined,
  })
})

test('the mirror is found in deb822 stanzas, with comments, folded fields and keyrings', () => {
  const sources = readDeb822Sources(`Types: deb
URIs: https://apt.shop.example/debian
Suites: bookworm
Components: main
Signed-By: /usr/share/keyrings/shop.gpg

# from the archive
Types: deb deb-src
# a comment amid the fields
URIs: http://mirror.example/debian
Suites: bookworm
  bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
`)
  assert.equal(sources.length, 3)
  assert.deepEqual(debianMirror(sources), {
    uri: 'http://mirror.example/debian',
    suites: ['bookworm', 'bookworm-updates'],
    components: ['main'],
    signedBy: '/usr/share/keyrings/debian-archive-keyring.gpg',
  })
})

test('a stanza that is switched off, or has its key in the file, names no keyring and no mirror', () => {
  const stanza = (extra: string) =>
    `Types: deb\nURIs: http://mirror.example/debian\nSuites: trixie\nComponents: main\n${extra}\n`
  assert.deepEqual(readDeb822Sources(stanza('Enabled: no')), [])
  const inline = readDeb822Sources(stanza('Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc'))
  assert.equal(debianMirror(inline)?.signedBy, undefined)
})

test('a machine that is no Debian has no mirror', () => {
  assert.equal(debianMirror([]), undefined)
  assert.equal(
    debianMirror(readOneLineSources('deb http://archive.example/ubuntu noble main universe\n')),
    undefined,
  )
})
