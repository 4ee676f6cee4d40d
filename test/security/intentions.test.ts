import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { compilePattern } from '../../src/control/linear-pattern.ts'
import { compileIntentions } from '../../src/security/intentions.ts'
import { access, idOf, intention, PEER } from '../kit/intentions.ts'

const compile = (...list: object[]) => compileIntentions('orders', list, compilePattern)
/** `undefined`: the default decides. */
const judged = (list: object[], caller: string | undefined, more = {}) =>
  compile(...list).judge(access(caller, more))?.allowed

test('the most exact destination decides, then the most exact source', () => {
  const all = [
    intention('*', '*', 'deny'),
    intention('web', '*', 'allow'),
    intention('*', 'orders', 'deny'),
    intention('web', 'orders', 'allow'),
  ]
  assert.equal(judged(all, 'web'), true)
  assert.equal(judged(all.slice(0, 3), 'web'), false, '*/orders is stronger than web/*')
  assert.equal(judged(all.slice(0, 2), 'web'), true, 'web/* is stronger than */*')
  assert.equal(judged(all.slice(0, 1), 'web'), false)
  assert.equal(judged([], 'web'), undefined)
  assert.equal(judged([intention('web', 'orders', 'allow')], 'billing'), undefined)
})

test('of two of the same precedence the one that denies decides, in whatever order they came', () => {
  const both = [intention('web', 'orders', 'allow'), intention('web', 'orders', 'deny')]
  assert.equal(judged(both, 'web'), false)
  assert.equal(judged(both.toReversed(), 'web'), false)
})

test('the verdict says which intention decided', () => {
  const rules = compile(intention('web', 'orders', 'deny'), intention('*', '*', 'allow'))
  assert.deepEqual(rules.judge(access('web')), { allowed: false, reason: 'intention web → orders: deny' })
  assert.deepEqual(rules.judge(access('api')), { allowed: true, reason: 'intention * → *: allow' })
  assert.equal(rules.size, 2)
})

test('the datacenter of a caller takes no part, namespace and partition do', () => {
  const rules = [intention('web', 'orders', 'allow')]
  assert.equal(judged(rules, idOf('web', 'default', 'dc2')), true)
  assert.equal(judged(rules, idOf('web', 'other')), undefined)
  assert.equal(judged(rules, `${PEER}/ap/blue/ns/default/dc/dc1/svc/web`), undefined)
  assert.equal(
    judged([intention('web', 'orders', { Action: 'deny', SourceNS: 'other' })], idOf('web')),
    undefined,
  )
  const blue = intention('*', 'orders', { Action: 'allow', SourceNS: '*', SourcePartition: 'blue' })
  assert.equal(judged([blue], `${PEER}/ap/blue/ns/x/dc/dc1/svc/web`), true)
  assert.equal(judged([blue], idOf('web')), undefined)
})

test('intentions of Enterprise are ordered by namespace and name', () => {
  const list = [
    intention('*', 'orders', { Action: 'deny', SourceNS: '*' }),
    intention('*', 'orders', { Action: 'allow', SourceNS: 'team' }),
  ]
  assert.equal(judged(list, idOf('web', 'team')), true)
  assert.equal(judged(list, idOf('web', 'rest')), false)
})

test('who is not known is allowed nothing, and denied what everybody is denied', () => {
  const stranger = 'spiffe://td/workload/web'
  for (const caller of [undefined, stranger]) {
    assert.equal(judged([intention('*', '*', 'allow')], caller), undefined)
    assert.equal(judged([intention('*', '*', 'deny')], caller), false)
    assert.equal(judged([intention('web', 'orders', 'deny')], caller), undefined)
    const both = [intention('*', 'orders', 'allow'), intention('*', '*', 'deny')]
    assert.equal(judged(both, caller), false, 'an allow that does not apply hides no deny')
  }
  const permissions = [
    { Action: 'allow', HTTP: { PathPrefix: '/' } },
    { Action: 'deny', HTTP: { PathPrefix: '/admin' } },
  ]
  const list = [intention('*', 'orders', { Permissions: permissions })]
  assert.equal(judged(list, undefined, { path: '/admin' }), false)
  assert.equal(judged(list, undefined, { path: '/' }), undefined)
})

test('intentions about callers of another cluster apply to nobody that TLS lets in', () => {
  const list = [
    intention('web', 'orders', { Action: 'allow', SourcePeer: 'cloud' }),
    intention('*', 'orders', { Action: 'deny', SourcePeer: 'cloud' }),
  ]
  assert.equal(judged(list, 'web'), undefined)
  assert.equal(judged(list, undefined), undefined)
})

test('intentions of other destinations are no business of ours', () => {
  assert.equal(compile(intention('web', 'billing', 'allow')).size, 0)
})

test('permissions are looked at from the top, and the first that matches decides', () => {
  const list = [
    intention('web', 'orders', {
      Action: '',
      Permissions: [
        { Action: 'deny', HTTP: { PathPrefix: '/admin' } },
        { Action: 'allow', HTTP: { PathPrefix: '/', Methods: ['GET', 'HEAD'] } },
      ],
    }),
    intention('*', 'orders', 'allow'),
  ]
  assert.equal(judged(list, 'web', { path: '/admin/users' }), false)
  assert.equal(judged(list, 'web', { path: '/items' }), true)
  assert.equal(
    judged(list, 'web', { path: '/items', method: 'POST' }),
    undefined,
    'no lower intention is asked',
  )
  assert.equal(
    compile(...list).judge(access('web', { path: '/admin' }))?.reason,
    'intention web → orders, permission 1: deny',
  )
})

test('SECURITY 22: default, deny, allow and permissions, every combination', () => {
  const l7 = {
    allow: { Action: 'allow', HTTP: { PathExact: '/x' } },
    deny: { Action: 'deny', HTTP: { PathExact: '/x' } },
  }
  const rows: [string, object[], string, boolean | undefined][] = [
    ['nothing', [], '/x', undefined],
    ['allow', [intention('web', 'orders', 'allow')], '/x', true],
    ['deny', [intention('web', 'orders', 'deny')], '/x', false],
    ['L7 allow, matched', [intention('web', 'orders', { Permissions: [l7.allow] })], '/x', true],
    ['L7 allow, not matched', [intention('web', 'orders', { Permissions: [l7.allow] })], '/y', undefined],
    ['L7 deny, matched', [intention('web', 'orders', { Permissions: [l7.deny] })], '/x', false],
    ['L7 deny, not matched', [intention('web', 'orders', { Permissions: [l7.deny] })], '/y', undefined],
    ['L7 deny and allow', [intention('web', 'orders', { Permissions: [l7.deny, l7.allow] })], '/x', false],
    ['L7 allow and deny', [intention('web', 'orders', { Permissions: [l7.allow, l7.deny] })], '/x', true],
    [
      'L7 deny above L4 allow, not matched',
      [intention('web', 'orders', { Permissions: [l7.deny] }), intention('*', 'orders', 'allow')],
      '/y',
      undefined,
    ],
    [
      'L7 allow beside L4 deny of the same source',
      [intention('web', 'orders', { Permissions: [l7.allow] }), intention('web', 'orders', 'deny')],
      '/x',
      false,
    ],
  ]
  for (const [name, list, path, expected] of rows) {
    const verdict = judged(list, 'web', { path })
    assert.equal(verdict, expected, name)
    // With default deny, nothing but an allow that matches lets anybody in.
    assert.equal(verdict ?? false, expected === true, `${name}, default deny`)
    assert.equal(verdict ?? true, expected !== false, `${name}, default allow`)
  }
})

describe('SECURITY 20: an intention of which anything is not understood denies', () => {
  const http = { PathPrefix: '/' }
  const cases: Record<string, object> = {
    'an action of a later time': { Action: 'audit' },
    'no action at all': {},
    'an action beside permissions': { Action: 'allow', Permissions: [{ Action: 'allow', HTTP: http }] },
    'SECURITY 23: a JWT': { Action: 'allow', JWT: { Providers: [{ Name: 'okta' }] } },
    'SECURITY 23: a JWT of a permission': {
      Permissions: [{ Action: 'allow', HTTP: http, JWT: { Providers: [{ Name: 'okta' }] } }],
    },
    'a new field of a permission': { Permissions: [{ Action: 'allow', HTTP: http, GRPC: { Service: 'x' } }] },
    'a new condition': { Permissions: [{ Action: 'allow', HTTP: { ...http, Query: [{ Name: 'q' }] } }] },
    'a new condition on a header': {
      Permissions: [{ Action: 'allow', HTTP: { Header: [{ Name: 'x', Present: true, Length: 3 }] } }],
    },
    'a header that says nothing': {
      Permissions: [{ Action: 'allow', HTTP: { ...http, Header: [{ Name: 'x' }] } }],
    },
    'a header that says two things': {
      Permissions: [{ Action: 'allow', HTTP: { Header: [{ Name: 'x', Exact: 'a', Prefix: 'a' }] } }],
    },
    'a pseudo-header': {
      Permissions: [{ Action: 'allow', HTTP: { Header: [{ Name: ':path', Prefix: '/' }] } }],
    },
    'two paths': { Permissions: [{ Action: 'allow', HTTP: { PathExact: '/', PathPrefix: '/' } }] },
    'a permission without conditions': { Permissions: [{ Action: 'allow', HTTP: {} }] },
    'a permission without HTTP': { Permissions: [{ Action: 'allow' }] },
    'a permission with another action': { Permissions: [{ Action: 'audit', HTTP: http }] },
    'a regular expression that is none': { Permissions: [{ Action: 'allow', HTTP: { PathRegex: '(?=x)' } }] },
    'a regular expression that is too large': {
      Permissions: [{ Action: 'allow', HTTP: { PathRegex: 'x{1000}' } }],
    },
    'a structure of a later time': { Action: 'allow', Schedule: { Days: ['Mo'] } },
    'another source': { Action: 'allow', SourceSamenessGroup: 'eu' },
    'another type of source': { Action: 'allow', SourceType: 'external' },
  }
  for (const [name, more] of Object.entries(cases)) {
    test(name, () => {
      const rules = compile(intention('web', 'orders', more), intention('*', 'orders', 'allow'))
      const verdict = rules.judge(access('web'))
      assert.equal(verdict?.allowed, false)
      assert.match(verdict.reason, /^intention web → orders: not understood \(.+\), so it denies$/)
      assert.deepEqual(rules.problems, [verdict.reason])
      assert.equal(rules.judge(access('api'))?.allowed, true, 'the others go on')
    })
  }

  test('in every partition and namespace, because it may be about them', () => {
    const rules = compile(intention('web', 'orders', { Action: 'deny', SourceSamenessGroup: 'eu' }))
    assert.equal(rules.judge(access(`${PEER}/ap/blue/ns/x/dc/dc1/svc/web`))?.allowed, false)
  })
})

test('what a newer Consul tells besides changes nothing', () => {
  const more = {
    Action: 'allow',
    JWT: null,
    ExpiresAt: '2030-01-01',
    Revision: 7,
    SourcePeer: '',
    Permissions: null,
  }
  assert.equal(judged([intention('web', 'orders', more)], 'web'), true)
})

test('a field of another type refuses the whole list', () => {
  for (const more of [
    { Action: 1 },
    { Action: 'allow', SourceName: null },
    { Permissions: {} },
    { Permissions: [{ Action: 'allow', HTTP: { Methods: 'GET' } }] },
  ])
    assert.throws(() => compile(intention('web', 'orders', more)), {
      code: 'TULLE_CONSUL',
      message: /^0\.[A-Z].*expected/,
    })
  assert.throws(() => compileIntentions('orders', [null], compilePattern), {
    code: 'TULLE_CONSUL',
    message: /^0: .*expected/,
  })
})

test('more callers than are remembered are judged all the same', () => {
  const rules = compile(intention('web', 'orders', 'allow'), intention('*', 'orders', 'deny'))
  for (let n = 0; n < 3000; n++) assert.equal(rules.judge(access(`other-${n}`))?.allowed, false)
  assert.equal(rules.judge(access('web'))?.allowed, true)
})

test('a naive model of the rules agrees on random intentions', () => {
  const name = fc.constantFrom('web', 'api', '*')
  const permission = fc.record({
    Action: fc.constantFrom('allow', 'deny'),
    HTTP: fc.record({ PathPrefix: fc.constantFrom('/', '/a', '/a/b') }),
  })
  const body = fc.oneof(
    fc.record({ Action: fc.constantFrom('allow', 'deny') }),
    fc.record({ Permissions: fc.array(permission, { minLength: 1, maxLength: 3 }) }),
  )
  const one = fc
    .tuple(name, fc.constantFrom('orders', '*'), body)
    .map(([source, destination, more]) => intention(source, destination, more))
  // Consul holds at most one intention for a source and a destination.
  const list = fc.uniqueArray(one, {
    selector: (item) => JSON.stringify([(item as Shape).SourceName, (item as Shape).DestinationName]),
  })
  fc.assert(
    fc.property(
      list,
      fc.constantFrom('web', 'api', 'cron'),
      fc.constantFrom('/', '/a', '/a/b/c'),
      (items, caller, path) => {
        assert.equal(judged(items, caller, { path }), naive(items as Shape[], caller, path))
      },
    ),
    { numRuns: 2000 },
  )
})

test('FAULTS 26: any JSON is refused whole or compiled, and nothing of it throws while judging', () => {
  const fields = fc.constantFrom(
    'SourceName',
    'SourceNS',
    'DestinationName',
    'Action',
    'Permissions',
    'JWT',
    'SourcePeer',
    'X',
  )
  const part = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom('allow', 'deny', '*', 'web', 'orders', '', null, [], {}),
  )
  const permission = fc.record({
    Action: fc.oneof(fc.constantFrom('allow', 'deny'), fc.string()),
    HTTP: fc.record(
      {
        PathRegex: fc.string(),
        PathPrefix: fc.string(),
        Methods: fc.array(fc.string()),
        Header: fc.array(fc.record({ Name: fc.string(), Regex: fc.string() })),
      },
      { requiredKeys: [] },
    ),
  })
  const strange = fc
    .tuple(fc.dictionary(fields, part), fc.option(fc.array(permission)))
    .map(([more, Permissions]) =>
      intention('web', 'orders', { Action: 'allow', ...(Permissions && { Permissions }), ...more }),
    )
  fc.assert(
    fc.property(fc.array(strange, { maxLength: 3 }), fc.webPath(), (list, path) => {
      let rules: ReturnType<typeof compileIntentions>
      try {
        rules = compileIntentions('orders', list, compilePattern)
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'TULLE_CONSUL')
        return
      }
      for (const caller of ['web', undefined, 'spiffe://x/y'])
        rules.judge(access(caller, { path, headers: { x: ['a'] } }))
    }),
    { numRuns: 800 },
  )
})

test('nothing that is added to an intention opens it', () => {
  const name = fc.string({ minLength: 1 }).filter((given) => !(given in intention('a', 'b', {})))
  fc.assert(
    fc.property(name, fc.jsonValue(), fc.constantFrom('deny', 'permission'), (field, value, kind) => {
      const permission = { Action: 'deny', HTTP: { PathPrefix: '/' } }
      const more =
        kind === 'deny'
          ? { Action: 'deny', [field]: value }
          : { Permissions: [{ ...permission, HTTP: { ...permission.HTTP, [field]: value } }] }
      let verdict: boolean | undefined = false
      try {
        verdict = judged([intention('web', 'orders', more), intention('*', 'orders', 'allow')], 'web')
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'TULLE_CONSUL')
      }
      assert.equal(verdict, false)
    }),
    { numRuns: 2000 },
  )
})

interface Shape {
  readonly SourceName: string
  readonly DestinationName: string
  readonly Action?: string
  readonly Permissions?: readonly {
    readonly Action: string
    readonly HTTP: { readonly PathPrefix: string }
  }[]
}

function naive(list: readonly Shape[], caller: string, path: string): boolean | undefined {
  for (const [source, destination] of [
    [caller, 'orders'],
    ['*', 'orders'],
    [caller, '*'],
    ['*', '*'],
  ]) {
    const found = list.find((item) => item.SourceName === source && item.DestinationName === destination)
    if (found === undefined) continue
    if (found.Permissions === undefined) return found.Action === 'allow'
    const first = found.Permissions.find(({ HTTP }) => path.startsWith(HTTP.PathPrefix))
    return first && first.Action === 'allow'
  }
  return undefined
}
