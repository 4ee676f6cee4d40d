import { createHash } from 'node:crypto'
import { LineCounter, parseAllDocuments, type YAMLError } from 'yaml'
import { wordsOf } from '../core/words.ts'
import type { SourceDocument } from '../policy/document.ts'
import type { Problem } from '../policy/problem.ts'
import { positionsIn } from './positions.ts'

/** What a document may weigh, in bytes. */
export const MAX_DOCUMENT_BYTES = 1024 * 1024
const MAX_ALIASES = 100

export type Read =
  | { readonly source: SourceDocument; readonly problems?: undefined }
  | { readonly source?: undefined; readonly problems: readonly Problem[] }

/** Identifies a content: 12 hexadecimal digits of its SHA-256. */
export function contentVersion(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 12)
}

/**
 * A YAML 1.2 text, or JSON, which is YAML too, with the positions of everything in it. Duplicate keys, unknown tags, a
 * second document and what aliases would blow up are mistakes; merge keys (`<<`) are keys like any other.
 * @param name how people call the document: the path of its file
 */
export function readDocument(name: string, content: Uint8Array): Read {
  const refuse = (message: string, line?: number, column?: number): Read => ({
    problems: [{ path: '', message, file: name, line, column }],
  })
  if (content.byteLength > MAX_DOCUMENT_BYTES)
    return refuse(`larger than ${MAX_DOCUMENT_BYTES} bytes: ${content.byteLength}`)
  const text = decoded(content)
  if (text === undefined) return refuse('not UTF-8 text')
  const lines = new LineCounter()
  try {
    const [document, second] = parseAllDocuments(text, {
      lineCounter: lines,
      prettyErrors: false,
      uniqueKeys: true,
      merge: false,
      stringKeys: true,
      logLevel: 'silent',
    }) as ReturnType<typeof parseAllDocuments> & unknown[]
    if (document === undefined || !('contents' in document))
      return refuse('empty: expected a policy document', 1, 1)
    const mistakes = [...document.errors, ...document.warnings]
    if (mistakes.length > 0) {
      // What follows the first mistake of syntax is mostly its echo; a key that is twice here has none.
      const first = mistakes.find(({ code }) => code !== 'DUPLICATE_KEY')
      const telling = mistakes.filter((error) => error === first || error.code === 'DUPLICATE_KEY')
      return { problems: telling.map((error) => syntaxProblem(name, text, error, lines)) }
    }
    if (second !== undefined) {
      const { line, col } = lines.linePos(second.range?.[0] ?? 0)
      return refuse('a second document (---): one file holds one', line, col)
    }
    const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES })
    const positions = positionsIn(document, lines)
    return { source: { name, version: contentVersion(content), value, positions } }
  } catch (error) {
    // The YAML reader throws instead of reporting where aliases are unknown or too many, or nesting exhausts the stack.
    if (error instanceof RangeError) return refuse('nested too deeply')
    return refuse(wordsOf(error), 1, 1)
  }
}

function decoded(content: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content)
  } catch {
    return undefined
  }
}

function syntaxProblem(name: string, text: string, error: YAMLError, lines: LineCounter): Problem {
  const [offset] = error.pos
  const { line, col } = lines.linePos(offset)
  return { path: '', message: syntaxMessage(text.slice(offset), error), file: name, line, column: col }
}

function syntaxMessage(rest: string, { code, message }: YAMLError): string {
  if (code === 'DUPLICATE_KEY') return `the key ${/^[^:\n]*/.exec(rest)?.[0].trim()} is here twice`
  if (code === 'TAB_AS_INDENT') return 'a tab in the indentation: YAML is indented with spaces'
  if (code === 'UNEXPECTED_TOKEN' && rest.startsWith('{'))
    return 'not YAML: text that holds { or } inside { … } is written in quotes, such as path: "/orders/{id}"'
  return `not YAML: ${message.charAt(0).toLowerCase()}${message.slice(1)}`
}
