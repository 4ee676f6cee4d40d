import { balancePiece } from '../../src/balance/index.ts'
import { readDocument } from '../../src/control/document.ts'
import { nearest } from '../../src/control/nearest.ts'
import type { PolicyPiece } from '../../src/core/piece.ts'
import { duration, fields, percent, wholeNumber } from '../../src/core/units.ts'
import type { PolicyDocument } from '../../src/policy/document.ts'
import { LOCAL_NAMES } from '../../src/policy/hosts.ts'
import { createParser, type Parsed } from '../../src/policy/parse.ts'
import { problemText } from '../../src/policy/problem.ts'
import type { AnyPiece } from '../../src/policy/schema.ts'
import { timeoutPiece } from '../../src/resilience/deadline.ts'
import { retryPiece } from '../../src/resilience/retry-policy.ts'

/** A piece that is absent until asked for, and then fills itself in. */
export const fusePiece: PolicyPiece<{ threshold: number; minimum: number; openFor: number } | undefined> = {
  key: 'fuse',
  scope: 'service',
  schema: fields({ threshold: percent(), minimum: wholeNumber(1, 1000), openFor: duration() }).partial(),
  defaults: undefined,
  whenPresent: { threshold: 0.5, minimum: 20, openFor: 10_000 },
}

export const PIECES: readonly AnyPiece[] = [timeoutPiece, retryPiece, balancePiece, fusePiece]

const parser = createParser({ pieces: PIECES, allowedHosts: LOCAL_NAMES, nearest })

/** A text as a running mesh reads it. */
export function readPolicy(text: string, name = 'mesh.yaml'): Parsed {
  const { source, problems } = readDocument(name, new TextEncoder().encode(text))
  return source === undefined ? { problems } : parser(source)
}

/** A text that has no mistake. */
export function goodPolicy(text: string, name = 'mesh.yaml'): PolicyDocument {
  const { document, problems } = readPolicy(text, name)
  if (document === undefined) throw new Error(problems?.map(problemText).join('\n'))
  return document
}

/** The mistakes of a text, as an operator reads them. */
export function mistakesIn(text: string, name?: string): readonly string[] {
  return readPolicy(text, name).problems?.map(problemText) ?? []
}

export { parser as parsePolicy }
