import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compilePattern } from '../../src/control/linear-pattern.ts'
import { readHeader } from '../../src/security/header-condition.ts'

type Row = readonly [values: readonly string[], allow: boolean, deny: boolean]

function rows(wire: object, expected: readonly Row[]): void {
  const condition = readHeader({ Name: 'X-Role', ...wire }, compilePattern)
  assert.equal(condition.name, 'x-role')
  for (const [values, allow, deny] of expected) {
    const what = JSON.stringify(values)
    assert.equal(condition.forAllow(values), allow, `allow ${what}`)
    assert.equal(condition.forDeny(values), deny, `deny ${what}`)
  }
}

test('SECURITY 8: what denies matches when any value does, what allows when every value does', () => {
  rows({ Exact: 'admin' }, [
    [['admin'], true, true],
    [['user'], false, false],
    [['user', 'admin'], false, true],
    [['admin', 'user'], false, true],
    [['admin', 'admin'], true, true],
    [['user,admin'], false, true],
    [['admin, user'], false, true],
    [[], false, false],
    [[''], false, false],
  ])
})

test('SECURITY 9: white space around a value hides nothing from what denies', () => {
  rows({ Exact: 'admin' }, [
    [['admin '], false, true],
    [['user ,\tadmin'], false, true],
  ])
})

test('a rule that was written for the lines joined denies those lines', () => {
  rows({ Exact: 'a,b' }, [[['a', 'b'], false, true]])
  rows({ Exact: 'a, b' }, [[['a', 'b'], false, true]])
  // As Node joins the lines of Cookie.
  rows({ Contains: 'a=1; b=2' }, [[['a=1', 'b=2'], false, true]])
})

test('an inverted condition allows where nothing matches in any reading, and denies where anything does not', () => {
  rows({ Exact: 'admin', Invert: true }, [
    [['user'], true, true],
    [['admin'], false, false],
    [['user', 'admin'], false, true],
    [['user,admin'], false, true],
    [[], false, true],
  ])
})

test('a header is there however empty it is', () => {
  rows({ Present: true }, [
    [[''], true, true],
    [['x', 'y'], true, true],
    [[], false, false],
  ])
  rows({ Present: true, Invert: true }, [
    [[], true, true],
    [[''], false, false],
  ])
})

test('prefix, suffix, part and regular expression', () => {
  rows({ Prefix: 'ad' }, [
    [['admin'], true, true],
    [['bad'], false, false],
  ])
  rows({ Suffix: 'min' }, [
    [['admin'], true, true],
    [['minor'], false, false],
  ])
  rows({ Contains: 'mi' }, [
    [['admin'], true, true],
    [['user'], false, false],
  ])
  rows({ Regex: 'ad[a-z]+' }, [
    [['admin'], true, true],
    [['badmin'], false, false],
    [['admin2'], false, false],
  ])
})

test('case is ignored where it says so, of ASCII letters alone', () => {
  rows({ Exact: 'Admin', IgnoreCase: true }, [
    [['aDMIN'], true, true],
    [['user'], false, false],
  ])
  rows({ Exact: 'k', IgnoreCase: true }, [[['\u212a'], false, false]])
  rows({ Exact: 'Admin' }, [[['admin'], false, false]])
})

test('names of pseudo-headers, of the host and of nothing are not understood', () => {
  for (const Name of [':path', ':authority', 'Host', '', 'a b', 'x\n'])
    assert.throws(() => readHeader({ Name, Present: true }, compilePattern), { name: 'NotUnderstood' })
})

test('a value beyond ASCII is not understood: a peer may send its bytes in more than one way', () => {
  for (const kind of ['Exact', 'Prefix', 'Suffix', 'Contains', 'Regex'])
    assert.throws(
      () => readHeader({ Name: 'x-role', [kind]: 'café' }, compilePattern),
      /header x-role with letters beyond ASCII/,
    )
})
