import { readdir, readFile, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Copy } from './copies.ts'

const manifest = z.looseObject({
  version: z.string().optional(),
  dependencies: z.record(z.string(), z.unknown()).optional(),
})

/** Folders looked at, at most: a tree this large is not a service's. */
const MOST = 50_000

/** Every copy of some packages below a folder's node_modules, nested ones included; by package name. */
export async function findCopies(folder: string, names: readonly string[]): Promise<Map<string, Copy[]>> {
  const found = new Map<string, Copy[]>(names.map((name) => [name, []]))
  const seen = new Set<string>()
  const waiting = [join(folder, 'node_modules')]
  for (let looked = 0; looked < MOST; looked++) {
    const modules = waiting.pop()
    if (modules === undefined) break
    const place = await realpath(modules).catch(() => undefined)
    if (place === undefined || seen.has(place)) continue
    seen.add(place)
    for (const name of await packagesIn(place)) {
      const path = join(place, name)
      const version = found.has(name) ? await versionOf(path) : undefined
      if (version !== undefined && !found.get(name)?.some((copy) => copy.path === path))
        found.get(name)?.push({ version, path })
      waiting.push(join(path, 'node_modules'))
    }
  }
  return found
}

/** Names in one node_modules, scoped ones too; what other installers keep in `.store` and the like is linked from there. */
async function packagesIn(modules: string): Promise<string[]> {
  const entries = await readdir(modules).catch(() => [])
  const names = entries.filter((name) => !name.startsWith('.') && !name.startsWith('@'))
  for (const scope of entries.filter((name) => name.startsWith('@')))
    names.push(...(await readdir(join(modules, scope)).catch(() => [])).map((name) => `${scope}/${name}`))
  return names
}

async function versionOf(path: string): Promise<string | undefined> {
  return (await readManifest(path))?.version
}

/** The names of a service's own dependencies; undefined: there is no package.json. */
export async function dependenciesOf(folder: string): Promise<string[] | undefined> {
  const read = await readManifest(folder)
  return read && Object.keys(read.dependencies ?? {})
}

async function readManifest(folder: string): Promise<z.infer<typeof manifest> | undefined> {
  try {
    return manifest.parse(JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')))
  } catch {
    return undefined
  }
}
