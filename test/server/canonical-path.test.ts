import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import type { PathMode } from '../../src/core/runtime.ts'
import { canonicalPath } from '../../src/server/canonical-path.ts'
import { root } from '../kit/root.ts'

const MODES: readonly PathMode[] = ['none', 'base', 'merge-slashes', 'decode-and-merge-slashes']

test('paths are normalised mode by mode', () => {
  const cases: readonly (readonly [string, string, string, string])[] = [
    // input, base, merge-slashes, decode-and-merge-slashes
    ['/', '/', '/', '/'],
    ['/a/', '/a/', '/a/', '/a/'],
    ['/a//b', '/a//b', '/a/b', '/a/b'],
    ['//admin', '//admin', '/admin', '/admin'],
    ['/a/./b', '/a/b', '/a/b', '/a/b'],
    ['/a/../b', '/b', '/b', '/b'],
    ['/a//../b', '/a/b', '/a/b', '/a/b'],
    ['/a/..', '/', '/', '/'],
    ['/a/b/.', '/a/b/', '/a/b/', '/a/b/'],
    ['/../../b', '/b', '/b', '/b'],
    ['/a\\..\\b', '/b', '/b', '/b'],
    ['/%61%2D%7e', '/a-~', '/a-~', '/a-~'],
    ['/a/%2e%2E/b', '/b', '/b', '/b'],
    ['/a/%2e./b', '/b', '/b', '/b'],
    ['/a%2Fb', '/a%2Fb', '/a%2Fb', '/a/b'],
    ['/a%5c..%2fb', '/a%5c..%2fb', '/a%5c..%2fb', '/b'],
    ['/a/..%2fb', '/a/..%2fb', '/a/..%2fb', '/b'],
    ['/%252e%252e/a', '/%252e%252e/a', '/%252e%252e/a', '/%252e%252e/a'],
    ['/...', '/...', '/...', '/...'],
    ['/.a/..b', '/.a/..b', '/.a/..b', '/.a/..b'],
    ['/a;x=1/../b', '/b', '/b', '/b'],
  ]
  for (const [input, ...expected] of cases) {
    assert.equal(canonicalPath(input, 'none'), input)
    assert.deepEqual(
      MODES.slice(1).map((mode) => canonicalPath(input, mode)),
      expected,
      input,
    )
  }
})

test('what has no single reading has no canonical form', () => {
  for (const path of ['/%00', '/a%00b', '/%', '/%2', '/%zz', '/%%32e', '/a%2%35']) {
    for (const mode of MODES.slice(1)) assert.equal(canonicalPath(path, mode), undefined, path)
  }
  assert.equal(canonicalPath('/%00', 'none'), undefined)
})

const piece = fc.constantFrom(
  '/',
  '\\',
  '.',
  '..',
  '%2e',
  '%2F',
  '%5c',
  '%25',
  '%61',
  '%c0',
  'a',
  'B',
  ';',
  '%7F',
  '~',
  '=',
)
const paths = fc.array(piece, { maxLength: 14 }).map((pieces) => `/${pieces.join('')}`)

test('normalising twice is normalising once', () => {
  fc.assert(
    fc.property(paths, fc.constantFrom(...MODES), (path, mode) => {
      const once = canonicalPath(path, mode)
      assert.equal(once === undefined ? undefined : canonicalPath(once, mode), once)
    }),
    { numRuns: 2000 },
  )
})

test('a canonical path is absolute and, beyond none, without dot segments, backslashes and escaped letters', () => {
  fc.assert(
    fc.property(paths, fc.constantFrom(...MODES.slice(1)), (path, mode) => {
      const canonical = canonicalPath(path, mode) as string
      assert.match(canonical, /^\//)
      assert.doesNotMatch(canonical, /\\|%61|%2e|(^|\/)\.{1,2}(\/|$)/i)
      if (mode !== 'base') assert.doesNotMatch(canonical, /\/\//)
      if (mode === 'decode-and-merge-slashes') assert.doesNotMatch(canonical, /%2f|%5c/i)
    }),
    { numRuns: 2000 },
  )
})

test('the shared vectors hold', (t) => {
  const file = join(root, '..', 'shared', 'vectors', 'path-normalization.json')
  if (!existsSync(file)) {
    t.skip('the shared vectors were not found beside this checkout; the cases above stand alone')
    return
  }
  const { vectors } = JSON.parse(readFileSync(file, 'utf8'))
  assert.ok(vectors.length > 100)
  for (const { mode, input, expect } of vectors)
    assert.equal(canonicalPath(input, mode.toLowerCase().replaceAll('_', '-')), expect, `${mode} ${input}`)
})
