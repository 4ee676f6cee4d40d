import { constants } from 'node:os'
import { MeshError } from '../core/errors.ts'
import { MTLS_MODES } from '../core/identity.ts'
import { PATH_MODES } from '../core/runtime.ts'
import { DEFAULT_LIMITS } from './limits.ts'

interface Accepted {
  readonly accepts: string
  is(value: unknown): boolean
}

const isCount = (value: unknown): boolean => typeof value === 'number' && value >= 0
const COUNT: Accepted = { accepts: 'a number that is not negative', is: isCount }

const OPTIONS: Readonly<Record<string, Accepted>> = {
  port: {
    accepts: 'a whole number 0–65535',
    is: (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 65535,
  },
  host: { accepts: 'a host name or an address', is: (value) => typeof value === 'string' && value !== '' },
  signals: {
    accepts: "false or a list of signals such as ['SIGTERM', 'SIGINT']",
    is: (value) =>
      value === false ||
      (Array.isArray(value) && value.every((name) => Object.hasOwn(constants.signals, name))),
  },
  graceMs: { accepts: 'milliseconds', is: isCount },
  paths: {
    accepts: `one of ${PATH_MODES.join(', ')}`,
    is: (value) => PATH_MODES.some((mode) => mode === value),
  },
  mtls: {
    accepts: `one of ${MTLS_MODES.join(', ')}`,
    is: (value) => MTLS_MODES.some((mode) => mode === value),
  },
  limits: { accepts: 'an object of limits', is: (value) => typeof value === 'object' && value !== null },
}

const { paths: _, ...LISTEN_OPTIONS } = OPTIONS
const CONNECTION_LIMITS = ['handshakeTimeoutMs', 'maxConnections', 'maxConnectionsPerPeer', 'maxHeaderBytes']

/**
 * Refuses options that would otherwise mean nothing, or fail somewhere else.
 * @throws {MeshError} TULLE_CONFIG naming the option, its value and what is accepted
 */
export function checkServeOptions(options: object): void {
  checkAll(options, OPTIONS, Object.keys(DEFAULT_LIMITS))
}

/**
 * The same for servers of another protocol than HTTP.
 * @throws {MeshError} TULLE_CONFIG naming the option, its value and what is accepted
 */
export function checkListenOptions(options: object): void {
  checkAll(options, LISTEN_OPTIONS, CONNECTION_LIMITS)
}

function checkAll(
  options: object,
  known: Readonly<Record<string, Accepted>>,
  limits: readonly string[],
): void {
  check('serve', options, known)
  const { limits: given } = options as { limits?: object }
  if (given !== undefined)
    check('serve limits', given, Object.fromEntries(limits.map((name) => [name, COUNT])))
}

function check(where: string, options: object, known: Readonly<Record<string, Accepted>>): void {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue
    const accepted = Object.hasOwn(known, name) ? known[name] : undefined
    if (accepted === undefined)
      throw mistake(`${where}: ${name} is not an option; there are ${Object.keys(known).join(', ')}`)
    if (!accepted.is(value))
      throw mistake(`${where}: option ${name}: expected ${accepted.accepts}, found ${JSON.stringify(value)}`)
  }
}

function mistake(message: string): MeshError {
  return new MeshError('TULLE_CONFIG', message, { layer: 'server' })
}
