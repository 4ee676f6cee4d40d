import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

function find(from: string): string {
  return existsSync(join(from, 'package-lock.json')) ? from : find(dirname(from))
}

/** The folder of the project, from a source file as well as from its compiled place. */
export const root = find(dirname(fileURLToPath(import.meta.url)))
