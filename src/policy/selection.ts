import { type Conflict, compare, conflicts } from './conflicts.ts'
import type { PolicyDocument } from './document.ts'

/** Which documents count: of two that clash the one whose name sorts later does not. */
export class Selection {
  /** By name. */
  readonly documents: readonly PolicyDocument[]
  readonly clashes: readonly Conflict[]
  /** The one with the defaults. */
  readonly general: PolicyDocument | undefined

  constructor(documents: Iterable<PolicyDocument>) {
    const all = [...documents]
    this.clashes = conflicts(all)
    const refused = new Set(this.clashes.map(({ later }) => later.document))
    this.documents = all.filter((document) => !refused.has(document)).sort((a, b) => compare(a.name, b.name))
    this.general = this.documents.find(({ defaults }) => defaults !== undefined)
  }

  /** The document that speaks of a service. */
  of(service: string): PolicyDocument | undefined {
    return this.documents.find(({ services }) => services.has(service))
  }
}
