/** What one look found: a line of `tulle check`. */
export interface Finding {
  readonly verdict: 'pass' | 'warn' | 'fail'
  readonly says: string
  /** What to do; always where something is not well. */
  readonly hint?: string
}

export const pass = (says: string): Finding => ({ verdict: 'pass', says })
export const warn = (says: string, hint: string): Finding => ({ verdict: 'warn', says, hint })
export const fail = (says: string, hint: string): Finding => ({ verdict: 'fail', says, hint })
