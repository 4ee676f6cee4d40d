import type { Problem } from '../policy/problem.ts'

export interface Push {
  /** Text null removes a document. */
  readonly documents: readonly { readonly name: string; readonly text: string | null }[]
  /** Whether what is not named goes; default false. */
  readonly replace?: boolean | undefined
  readonly author: string
  readonly message: string
  /** The sequence the author has seen: refused where another is in force. */
  readonly expected?: number | undefined
}

export interface Pushed {
  readonly sequence: number
  /** False: nothing would have changed, so there is no new version. */
  readonly changed: boolean
}

const MAX_DOCUMENTS = 2000
const MAX_BYTES = 16 * 1024 * 1024
const NAME = /^[\w@][\w@.+-]*(?:\/[\w@][\w@.+-]*)*$/

/** What is wrong with the names of a push. */
export function namesIn(documents: Push['documents']): Problem[] {
  const seen = new Set<string>()
  const problems: Problem[] = []
  for (const { name } of documents) {
    if (!NAME.test(name) || name.length > 200)
      problems.push({
        path: '',
        message: 'a document is named by letters, digits and _ - . @ + and /',
        file: name,
      })
    else if (seen.has(name))
      problems.push({ path: '', message: 'this document is in the push twice', file: name })
    seen.add(name)
  }
  return problems
}

/** Whether there are too many documents, or they are too long. */
export function tooMuch(texts: ReadonlyMap<string, string>): Problem[] {
  const bytes = [...texts.values()].reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  const message =
    texts.size > MAX_DOCUMENTS
      ? `${texts.size} documents; at most ${MAX_DOCUMENTS} are accepted`
      : bytes > MAX_BYTES
        ? `${bytes} bytes of policy; at most ${MAX_BYTES} are accepted`
        : undefined
  return message === undefined ? [] : [{ path: '', message, file: '' }]
}
