import type { AccessRequest, CompilePattern, Pattern, Verdict } from '../core/authorizer.ts'
import { type HeaderCondition, readHeader } from './header-condition.ts'
import { type HttpWire, type PermissionWire, said } from './intention-wire.ts'
import { NotUnderstood } from './not-understood.ts'
import { PathReadings } from './path-readings.ts'

const OF_PERMISSION: ReadonlySet<string> = new Set(['Action', 'HTTP'])
const OF_HTTP: ReadonlySet<string> = new Set(['PathExact', 'PathPrefix', 'PathRegex', 'Methods', 'Header'])

type Test = (path: string) => boolean

/** One of the permissions of an intention: conditions, all of which must hold. */
export class Permission {
  readonly verdict: Verdict
  readonly #path: Test | undefined
  readonly #exact: boolean
  readonly #regex: boolean
  readonly #methods: ReadonlySet<string> | undefined
  readonly #headers: readonly HeaderCondition[]

  /** @throws NotUnderstood */
  constructor(wire: PermissionWire, reason: string, compile: CompilePattern) {
    const { Action: action, HTTP: http } = wire
    const unknown = said(wire, OF_PERMISSION)
    if (unknown.length > 0) throw new NotUnderstood(`permission ${unknown.join(', ')}`)
    if (action !== 'allow' && action !== 'deny')
      throw new NotUnderstood(`a permission with the action ${JSON.stringify(action)}`)
    if (http == null) throw new NotUnderstood('a permission without conditions')
    const foreign = said(http, OF_HTTP)
    if (foreign.length > 0) throw new NotUnderstood(`permission HTTP.${foreign.join(', HTTP.')}`)
    this.#path = pathTest(http, action, compile)
    this.#exact = Boolean(http.PathExact)
    this.#regex = Boolean(http.PathRegex)
    this.#methods = methodsOf(http, action)
    this.#headers = (http.Header ?? []).map((header) => readHeader(header, compile))
    if (this.#path === undefined && this.#methods === undefined && this.#headers.length === 0)
      throw new NotUnderstood('a permission without conditions')
    this.verdict = Object.freeze({ allowed: action === 'allow', reason: `${reason}: ${action}` })
  }

  /**
   * Whether it decides on this request. Where the application may read a request in more than one way, what allows must
   * hold in each, and what denies in any.
   */
  matches(request: AccessRequest): boolean {
    const { allowed } = this.verdict
    if (this.#methods !== undefined && !this.#methods.has(request.method)) return false
    if (this.#path !== undefined && !this.#pathMatches(this.#path, request.path)) return false
    for (const header of this.#headers) {
      const values = request.header(header.name)
      if (!(allowed ? header.forAllow(values) : header.forDeny(values))) return false
    }
    return true
  }

  #pathMatches(test: Test, path: string): boolean {
    const readings = PathReadings.of(path)
    if (!this.verdict.allowed) return test(path) || readings?.all.some(test) === true
    if (!test(path)) return false
    if (readings === undefined || this.#exact) return true
    const { resolved, cut } = readings
    return (resolved === undefined || test(resolved)) && (cut === undefined || !this.#regex || test(cut))
  }
}

/** Methods are upper case, and one that is not would never be one: what denies it would deny nothing. */
const METHOD = /^[A-Z][A-Z-]*$/

/** Frameworks answer HEAD by the handler of GET. */
function methodsOf(
  { Methods: methods }: HttpWire,
  action: 'allow' | 'deny',
): ReadonlySet<string> | undefined {
  if (!methods?.length) return undefined
  const strange = methods.find((method) => !METHOD.test(method))
  if (strange !== undefined) throw new NotUnderstood(`the method ${JSON.stringify(strange)}`)
  const set = new Set(methods)
  return action === 'deny' && set.has('GET') ? set.add('HEAD') : set
}

/** Express, for one, knows no case in paths and no slash at their end: what denies is not told apart by them. */
function pathTest(
  { PathExact: exact, PathPrefix: prefix, PathRegex: regex }: HttpWire,
  action: 'allow' | 'deny',
  compile: CompilePattern,
): Test | undefined {
  if ([exact, prefix, regex].filter(Boolean).length > 1)
    throw new NotUnderstood('a permission with more than one path')
  const wide = action === 'deny'
  const lower = (exact || prefix || '').toLowerCase()
  const bare = withoutSlash(lower)
  if (exact) return wide ? (path) => withoutSlash(path.toLowerCase()) === bare : (path) => path === exact
  if (prefix) return wide ? (path) => path.toLowerCase().startsWith(lower) : (path) => path.startsWith(prefix)
  if (!regex) return undefined
  const pattern = compile(regex)
  if (typeof pattern === 'string') throw new NotUnderstood(pattern)
  return wide
    ? (path) => pattern.matches(path) || matchesLower(pattern, path)
    : (path) => pattern.matches(path)
}

function matchesLower(pattern: Pattern, path: string): boolean {
  const lower = path.toLowerCase()
  return lower !== path && pattern.matches(lower)
}

const withoutSlash = (path: string): string =>
  path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
