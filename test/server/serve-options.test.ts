import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkServeOptions } from '../../src/server/serve-options.ts'

test('what serve knows is accepted, and so is what is left undefined', () => {
  for (const options of [
    {},
    { port: 0, host: '127.0.0.1', signals: false, graceMs: 0, paths: 'base' },
    { port: undefined, signals: ['SIGTERM', 'SIGINT'], limits: { maxHeaders: 50, idleTimeoutMs: 0 } },
  ])
    checkServeOptions(options)
})

test('every mistake names the option, its value and what is accepted', () => {
  const refused: readonly (readonly [object, RegExp])[] = [
    [{ prot: 1 }, /^serve: prot is not an option; there are port, host/],
    [{ port: 'abc' }, /^serve: option port: expected a whole number 0–65535, found "abc"$/],
    [{ port: 65536 }, /found 65536$/],
    [{ host: '' }, /expected a host name or an address/],
    [{ signals: true }, /expected false or a list of signals such as .*, found true$/],
    [{ signals: ['SIGFOO'] }, /found \["SIGFOO"\]$/],
    [{ graceMs: -1 }, /option graceMs: expected milliseconds, found -1$/],
    [{ paths: 'strict' }, /expected one of none, base/],
    [{ limits: 5 }, /expected an object of limits/],
    [{ limits: { maxHeader: 5 } }, /^serve limits: maxHeader is not an option/],
    [
      { limits: { maxHeaders: '5' } },
      /^serve limits: option maxHeaders: expected a number that is not negative, found "5"$/,
    ],
  ]
  for (const [options, message] of refused)
    assert.throws(
      () => checkServeOptions(options),
      { code: 'TULLE_CONFIG', message },
      JSON.stringify(options),
    )
})
