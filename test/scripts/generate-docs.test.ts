import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { PAGES } from '../../scripts/generate-docs.ts'
import { CODES } from '../../src/core/codes.ts'
import { root } from '../kit/root.ts'

for (const [path, page] of Object.entries(PAGES)) {
  test(`${path} says what the code says (npm run docs:generate)`, () => {
    assert.equal(readFileSync(join(root, path), 'utf8'), page())
  })
}

test('the errors page has a section with advice for every code', () => {
  const page = PAGES['docs/errors.md']?.() ?? ''
  for (const code of Object.keys(CODES))
    assert.match(page, new RegExp(`### ${code}\n\n[A-Z].+\n\n\\*\\*What to do:\\*\\* .+\n`))
})
