import { debuglog } from 'node:util'
import type { Logger } from '../core/ports.ts'

const ORDER = ['silent', 'error', 'warn', 'info', 'debug'] as const
export type LogLevel = (typeof ORDER)[number]

const debug = debuglog('tulle')

/** One line per entry on standard error; nothing a caller put into a value can begin a second one. */
const stderr: Logger = {
  debug: (message, fields) => write('debug', message, fields),
  info: (message, fields) => write('info', message, fields),
  warn: (message, fields) => write('warn', message, fields),
  error: (message, fields) => write('error', message, fields),
}

function write(level: LogLevel, message: string, fields: object | undefined): void {
  process.stderr.write(`${line(level, message, fields)}\n`)
}

export function line(level: LogLevel, message: string, fields?: object): string {
  const text = `tulle ${level}: ${message}${fields === undefined ? '' : ` ${written(fields)}`}`
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, ' ')
}

function written(fields: object): string {
  try {
    return JSON.stringify(fields, readable)
  } catch {
    return '(values that JSON cannot hold)'
  }
}

/** JSON knows nothing of an error but what others hung on it: a client's request, its credentials included. */
function readable(_key: string, value: unknown): unknown {
  if (!(value instanceof Error)) return value
  const { stack, message, cause } = value
  return cause instanceof Error ? { stack: stack ?? message, cause } : (stack ?? message)
}

/**
 * The logger of a mesh: everything below `level` is dropped, the rest goes to `target`, which may be any object with
 * the four methods (pino, console). `NODE_DEBUG=tulle` shows what is dropped. A target that throws is ignored: a call
 * does not fail because it could not be written about.
 */
export function createLogger(level: LogLevel = 'warn', target: Logger = stderr): Logger {
  const least = ORDER.indexOf(level)
  const at = (name: 'debug' | 'info' | 'warn' | 'error'): Logger['info'] => {
    const dropped = ORDER.indexOf(name) > least
    return (message, fields) => {
      if (dropped && !debug.enabled) return
      try {
        if (dropped) debug('%s', line(name, message, fields))
        else target[name](message, fields)
      } catch (error) {
        debug('the logger threw: %s', String(error))
      }
    }
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
