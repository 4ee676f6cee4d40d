import { readPolicyPath } from '../control/files.ts'
import { type Found, LastGood } from '../control/last-good.ts'
import { nearest } from '../control/nearest.ts'
import { compile } from '../policy/compile.ts'
import { LOCAL_NAMES } from '../policy/hosts.ts'
import { lint, type Warning } from '../policy/lint.ts'
import { createParser } from '../policy/parse.ts'
import type { Problem } from '../policy/problem.ts'
import type { AnyPiece } from '../policy/schema.ts'

/** What is to be said of documents before a roll-out. */
export interface Checked {
  readonly mistakes: readonly Problem[]
  readonly warnings: readonly Warning[]
  /** How many have no mistake. */
  readonly documents: number
  readonly services: number
}

/** Every document of files and folders, by its path. */
export async function readDocuments(paths: readonly string[]): Promise<Map<string, Found>> {
  const everything = new Map<string, Found>()
  for (const path of paths) {
    const listing = await readPolicyPath(path)
    if (listing.kind === 'missing') everything.set(path, { unreadable: listing.why })
    else if (listing.documents.size === 0) everything.set(path, { unreadable: 'a folder without documents' })
    else for (const [name, found] of listing.documents) everything.set(name, found)
  }
  return everything
}

/** Reads files and folders as one policy, with the parsers and rules a running mesh uses. */
export async function checkPolicy(
  paths: readonly string[],
  pieces: readonly AnyPiece[],
  allowedHosts: readonly string[] = LOCAL_NAMES,
): Promise<Checked> {
  return checkDocuments(await readDocuments(paths), pieces, allowedHosts)
}

/** Judges documents as one policy, by the rules a running mesh uses. */
export function checkDocuments(
  everything: ReadonlyMap<string, Found>,
  pieces: readonly AnyPiece[],
  allowedHosts: readonly string[] = LOCAL_NAMES,
): Checked {
  const update = new LastGood(createParser({ pieces, allowedHosts, nearest })).take(everything)
  const { snapshot } = compile(update.documents, pieces, { version: update.version })
  return {
    mistakes: update.problems,
    warnings: lint(update.documents, snapshot),
    documents: update.documents.length,
    services: snapshot.services.size,
  }
}

/** `--hosts`, else TULLE_POLICY_HOSTS: what `hosts:` may claim. Undefined: the default. */
export function hostsFrom(option: string | undefined, variable: string | undefined): string[] | undefined {
  return (option || variable || undefined)
    ?.toLowerCase()
    .split(',')
    .map((host) => host.trim())
}
