import type { CompilePattern } from '../core/authorizer.ts'
import { type HeaderWire, said } from './intention-wire.ts'
import { NotUnderstood } from './not-understood.ts'

/** A condition on the values of one header. */
export interface HeaderCondition {
  readonly name: string
  /** The strict reading: true only where every reading of the values says so. */
  forAllow(values: readonly string[]): boolean
  /** The wide reading: true where any reading of the values says so. */
  forDeny(values: readonly string[]): boolean
}

const KINDS = ['Exact', 'Prefix', 'Suffix', 'Contains', 'Regex'] as const
type Kind = (typeof KINDS)[number]
const KNOWN: ReadonlySet<string> = new Set(['Name', 'Present', 'Invert', 'IgnoreCase', ...KINDS])
/** Letters of a field name (RFC 9110, 5.1); pseudo-headers are none of them. */
const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/
const ASCII = /^[ -~\t]*$/

/**
 * Reads one header of a permission. Peers may send a header several times, and applications differ in what they make of
 * that (Istio CVE-2026-31838, Envoy CVE-2020-25017), so that what allows must hold for every value, and what denies for
 * any:
 *
 * | | allow | deny |
 * |---|---|---|
 * | matches | there, and every line matches | any line matches, any element of a comma-separated line, or the lines joined |
 * | inverted | there, and none of all those matches | absent, or any line does not match |
 * | present | there | there |
 *
 * Envoy lets an inverted condition on an absent header match nothing; so does `allow` here, while `deny` takes the
 * condition by its word.
 *
 * @throws NotUnderstood
 */
export function readHeader(wire: HeaderWire, compile: CompilePattern): HeaderCondition {
  const unknown = said(wire, KNOWN)
  if (unknown.length > 0) throw new NotUnderstood(`header condition ${unknown.join(', ')}`)
  const name = wire.Name.toLowerCase()
  // What a request is addressed to was made canonical, and its raw header is not what the application goes by.
  if (name === 'host' || !NAME.test(name)) throw new NotUnderstood(`a condition on the header ${wire.Name}`)
  const kinds = KINDS.filter((kind) => wire[kind])
  if (kinds.length + (wire.Present ? 1 : 0) !== 1)
    throw new NotUnderstood(`a condition on the header ${wire.Name} that says not exactly one thing`)
  const inverted = wire.Invert === true
  // Values are bytes, and there are several ways to write what is beyond ASCII.
  if (kinds.some((kind) => !ASCII.test(wire[kind] as string)))
    throw new NotUnderstood(`a condition on the header ${wire.Name} with letters beyond ASCII`)
  const [kind] = kinds
  if (kind === undefined) return new Present(name, inverted)
  const test = testOf(kind, wire[kind] as string, wire.IgnoreCase === true, compile)
  return inverted ? new Unlike(name, test) : new Like(name, test)
}

type Test = (value: string) => boolean

function testOf(kind: Kind, given: string, ignoreCase: boolean, compile: CompilePattern): Test {
  if (kind === 'Regex') {
    if (ignoreCase) throw new NotUnderstood('a regular expression that ignores case by IgnoreCase')
    const pattern = compile(given)
    if (typeof pattern === 'string') throw new NotUnderstood(pattern)
    return (value) => pattern.matches(value)
  }
  const plain = PLAIN[kind]
  if (!ignoreCase) return (value) => plain(value, given)
  const lower = lowerAscii(given)
  return (value) => plain(lowerAscii(value), lower)
}

const PLAIN: Readonly<Record<Exclude<Kind, 'Regex'>, (value: string, given: string) => boolean>> = {
  Exact: (value, given) => value === given,
  Prefix: (value, given) => value.startsWith(given),
  Suffix: (value, given) => value.endsWith(given),
  Contains: (value, given) => value.includes(given),
}

/** As Envoy does; beyond ASCII, letters that differ in more than their case would become one. */
const lowerAscii = (text: string): string => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())

class Present implements HeaderCondition {
  readonly name: string
  readonly #inverted: boolean

  constructor(name: string, inverted: boolean) {
    this.name = name
    this.#inverted = inverted
  }

  forAllow(values: readonly string[]): boolean {
    return values.length > 0 !== this.#inverted
  }

  forDeny(values: readonly string[]): boolean {
    return values.length > 0 !== this.#inverted
  }
}

class Like implements HeaderCondition {
  readonly name: string
  readonly #test: Test

  constructor(name: string, test: Test) {
    this.name = name
    this.#test = test
  }

  forAllow(values: readonly string[]): boolean {
    return values.length > 0 && values.every(this.#test)
  }

  forDeny(values: readonly string[]): boolean {
    return anyReading(values, this.#test)
  }
}

class Unlike implements HeaderCondition {
  readonly name: string
  readonly #test: Test

  constructor(name: string, test: Test) {
    this.name = name
    this.#test = test
  }

  forAllow(values: readonly string[]): boolean {
    return values.length > 0 && !anyReading(values, this.#test)
  }

  forDeny(values: readonly string[]): boolean {
    return values.length === 0 || !values.every(this.#test)
  }
}

/** Of several lines one is made with a comma, and of those of Cookie with a semicolon. */
const JOINTS = [',', ', ', '; ']

function anyReading(values: readonly string[], test: Test): boolean {
  if (values.some(test)) return true
  if (values.length > 1 && JOINTS.some((joint) => test(values.join(joint)))) return true
  return values.some((value) => value.split(',').some((element) => test(element.trim())))
}
