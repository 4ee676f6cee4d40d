import type { Level, PolicyDocument, ServiceEntry, SourceDocument } from './document.ts'
import { guard } from './guard.ts'
import { mayClaim } from './hosts.ts'
import { problemsOf, wording } from './issues.ts'
import { type JsonSchema, policyJsonSchema } from './json-schema.ts'
import { type Nearest, NO_NEAREST } from './nearest.ts'
import { type Problem, problemAt } from './problem.ts'
import { type AnyPiece, allPieces, documentSchema } from './schema.ts'

/** One document, or every mistake in it (the first 50, in the order of the text). */
export type Parsed =
  | { readonly document: PolicyDocument; readonly problems?: undefined }
  | { readonly document?: undefined; readonly problems: readonly Problem[] }

export interface ParserOptions {
  /** The parts of a document that modules own. */
  readonly pieces: readonly AnyPiece[]
  /** Patterns of names that `hosts:` may claim; `policy/hosts.ts` says how they read. */
  readonly allowedHosts: readonly string[]
  readonly nearest?: Nearest | undefined
}

const MAX_PROBLEMS = 50

/** A parser for documents made of these pieces. Pure; makes its schema once. */
export function createParser({
  pieces,
  allowedHosts,
  nearest = NO_NEAREST,
}: ParserOptions): (source: SourceDocument) => Parsed {
  const schema = documentSchema(pieces)
  let published: JsonSchema | undefined
  const jsonSchema = (): JsonSchema => {
    published ??= policyJsonSchema(pieces)
    return published
  }
  return (source) => {
    const hostile = guard(source)
    if (hostile.length > 0) return { problems: inOrder(hostile) }
    const result = schema.safeParse(source.value, { error: wording })
    if (!result.success) {
      const context = { document: source, pieces: allPieces(pieces), jsonSchema, nearest }
      return { problems: inOrder(result.error.issues.flatMap((issue) => problemsOf(issue, [], context))) }
    }
    const { defaults, services = {} } = result.data as {
      defaults?: Level
      services?: Record<string, ServiceEntry>
    }
    const { name, version, positions } = source
    const document = { name, version, positions, defaults, services: new Map(Object.entries(services)) }
    const foreign = foreignHosts(document, allowedHosts)
    return foreign.length > 0 ? { problems: inOrder(foreign) } : { document }
  }
}

function foreignHosts({ name, services, positions }: PolicyDocument, allowed: readonly string[]): Problem[] {
  const problems: Problem[] = []
  for (const [service, { hosts = [] }] of services) {
    for (const [index, host] of hosts.entries()) {
      if (mayClaim(host, allowed)) continue
      const message = `${host} is not a name a policy may claim here; allowed are ${allowed.join(', ')} (TULLE_POLICY_HOSTS)`
      problems.push(problemAt(name, ['services', service, 'hosts', index], message, positions))
    }
  }
  return problems
}

function inOrder(problems: readonly Problem[]): readonly Problem[] {
  return problems
    .toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0))
    .slice(0, MAX_PROBLEMS)
}
