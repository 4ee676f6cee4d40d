/** The policy the demo starts with. Quotes take 400 ms: the timeout of their route is wrong on purpose. */
export const DOCUMENTS = {
  'orders.yaml': `version: 1
services:
  orders:
    timeout: 10s
    retry: { limit: 2, budget: { ratio: 20%, minPerSecond: 10 } }
    outlier: { consecutiveFailures: 3, baseEjection: 1s, maxEjection: 5s }
    routes:
      - match: { path: /quotes/** }
        timeout: 150ms
        retry: false
`,
  'stock.yaml': `version: 1
services:
  stock:
    timeout: 1s
    outlier: { consecutiveFailures: 5, baseEjection: 1s, maxEjection: 2s }
    breaker: { errorThreshold: 50%, minRequests: 10, openFor: 1s }
`,
  'pricing.yaml': `version: 1
services:
  pricing:
    timeout: 5s
    outlier: { consecutiveFailures: 3, baseEjection: 1s, maxEjection: 2s }
    routes:
      - match: { grpc: { service: demo.Pricing, method: Quote } }
        idempotent: true
`,
} as const

export type DocumentName = keyof typeof DOCUMENTS

/** The policy of all eight processes, and the way to change it while they run. */
export interface Policy {
  /** Replaces one text in a document, which must be there. Resolves with the way back. */
  edit(name: DocumentName, from: string, to: string): Promise<() => Promise<void>>
  /** How a person changes it, line by line. */
  readonly howTo: readonly string[]
}

/** @throws Error where the document does not say it */
export function edited(document: string, text: string, from: string, to: string): string {
  if (!text.includes(from)) throw new Error(`${document} does not say "${from}"`)
  return text.replace(from, to)
}
