import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLogger, line } from '../../src/telemetry/log.ts'

function recording() {
  const lines: string[] = []
  const at = (level: string) => (message: string) => void lines.push(`${level} ${message}`)
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

test('what is below the level is dropped', () => {
  for (const [level, expected] of [
    ['silent', 0],
    ['error', 1],
    ['warn', 2],
    ['info', 3],
    ['debug', 4],
  ] as const) {
    const target = recording()
    const log = createLogger(level, target)
    for (const name of ['debug', 'info', 'warn', 'error'] as const) log[name]('a message')
    assert.equal(target.lines.length, expected, level)
  }
})

test('the target keeps its own this, as pino needs', () => {
  class Target {
    readonly lines: string[] = []
    debug(): void {}
    info(): void {}
    warn(message: string): void {
      this.lines.push(message)
    }
    error(): void {}
  }
  const target = new Target()
  const { warn } = createLogger('warn', target)
  warn('odd')
  assert.deepEqual(target.lines, ['odd'])
})

test('a target that throws is not the caller’s trouble', () => {
  const target = recording()
  const log = createLogger('warn', {
    ...target,
    warn: () => {
      throw new Error('the disk is full')
    },
  })
  log.warn('odd')
})

test('an entry is one line, whatever its values hold', () => {
  const text = line('warn', 'refused\nERROR forged', { path: '/a\r\nb', name: '\u2028\u001b[31m' })
  assert.doesNotMatch(text, /[\p{Cc}\u2028\u2029]/u)
  assert.match(text, /^tulle warn: refused ERROR forged \{"path":/)
})

test('an error among the values shows its message and stack, and nothing that hangs on it', () => {
  const error = Object.assign(new TypeError('no such order', { cause: new Error('row 7') }), {
    config: { headers: { authorization: 'Bearer secret' } },
  })
  const text = line('error', 'the application threw', { path: '/a', error })
  assert.match(text, /"path":"\/a"/)
  assert.match(text, /TypeError: no such order/)
  assert.match(text, /log\.test/)
  assert.match(text, /row 7/)
  assert.doesNotMatch(text, /secret/)
})

test('a value that JSON cannot hold does not cost the entry', () => {
  const circular: Record<string, unknown> = { a: 1 }
  circular.self = circular
  assert.match(line('warn', 'odd', circular), /^tulle warn: odd/)
  assert.match(line('warn', 'odd', { size: 1n }), /^tulle warn: odd/)
})
