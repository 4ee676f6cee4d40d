import { clash, conflicts } from './conflicts.ts'
import type { PolicyDocument } from './document.ts'
import type { Problem } from './problem.ts'

export interface Admitted {
  /** Consistent with each other, by name. */
  readonly documents: ReadonlyMap<string, PolicyDocument>
  readonly problems: readonly Problem[]
}

/**
 * Which documents come into force when some have changed. A document that clashes with another is refused whole and
 * keeps its last good form, where it has one; the others go on. Of two changed documents the one whose name sorts
 * later is refused; an unchanged one never is.
 *
 * @param inForce what was admitted last: consistent
 * @param candidates everything that is there now and has no mistake of its own
 */
export function admit(
  inForce: ReadonlyMap<string, PolicyDocument>,
  candidates: ReadonlyMap<string, PolicyDocument>,
): Admitted {
  const documents = new Map(candidates)
  const problems: Problem[] = []
  for (;;) {
    const [conflict] = conflicts(documents.values())
    if (conflict === undefined) break
    const refused = changed(inForce, documents, conflict.later.document.name) ? 'later' : 'earlier'
    const { name } = conflict[refused].document
    const lastGood = inForce.get(name)
    if (lastGood === undefined || lastGood === documents.get(name)) documents.delete(name)
    else documents.set(name, lastGood)
    problems.push(clash(conflict, refused))
  }
  return { documents, problems }
}

function changed(
  inForce: ReadonlyMap<string, PolicyDocument>,
  now: ReadonlyMap<string, PolicyDocument>,
  name: string,
): boolean {
  return inForce.get(name)?.version !== now.get(name)?.version
}
