import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compilePattern } from '../../src/control/linear-pattern.ts'

function pattern(source: string) {
  const compiled = compilePattern(source)
  assert(typeof compiled !== 'string', `${source}: ${compiled}`)
  return compiled
}

test('the whole of a text must match', () => {
  assert.equal(pattern('a|b').matches('b'), true)
  assert.equal(pattern('a|b').matches('ab'), false)
  assert.equal(pattern('.*admin.*').matches('/x/admin/y'), true)
})

test("what RE2 does not know, and what is larger than anybody's rule, is refused in words", () => {
  for (const source of ['(', '(?=x)', '(a)\\1', 'x{1001}'])
    assert.match(compilePattern(source) as string, /RE2 does not know/)
  assert.match(compilePattern('x{900}') as string, /instructions/)
  assert.match(compilePattern('x'.repeat(2000)) as string, /characters/)
})

test('FAULTS 35: no pattern takes longer than its text is long', () => {
  const hostile: [string, string][] = [
    ['(a+)+', `${'a'.repeat(16_000)}!`],
    ['(x+x+)+y', 'x'.repeat(16_000)],
    ['(a|aa)+', `${'a'.repeat(16_000)}!`],
    ['(.*)*(.*)*(.*)*y', 'x'.repeat(16_000)],
    ['([a-z]+)*[0-9]', 'abcdefgh'.repeat(2000)],
    ['(.{0,20})*(foo|bar)(.{0,20})', 'foo/bar'.repeat(2000)],
  ]
  for (const [source, text] of hostile) {
    const compiled = pattern(source)
    const from = performance.now()
    compiled.matches(text)
    const ms = performance.now() - from
    assert.ok(ms < 200, `${source} took ${ms.toFixed(0)} ms`)
  }
})
