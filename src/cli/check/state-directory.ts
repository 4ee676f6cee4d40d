import { constants } from 'node:fs'
import { access, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Finding, fail, pass, warn } from './finding.ts'

export interface StateOptions {
  /** Undefined or empty: none is configured. */
  readonly dir: string | undefined
  /** Whether the key is kept there. */
  readonly keys: boolean
  /** The user that runs this; undefined where there are no users. */
  readonly user: number | undefined
}

const NAMES = ['identity.json', 'trust.json', 'policy.json', 'endpoints.json']

/** Whether what a service keeps between runs can be kept, and will be believed. */
export async function checkStateDirectory({ dir, keys, user }: StateOptions): Promise<readonly Finding[]> {
  if (!dir)
    return [
      warn(
        'no state directory: a restart needs the plane',
        'Set TULLE_STATE_DIR to a folder of this service, on a disk that outlives the process.',
      ),
    ]
  const kept = keys
    ? []
    : [
        warn(
          'the private key is not kept (TULLE_STATE_KEYS=off): a restart needs the plane',
          'That is a choice: on disk the key is protected by its mode alone.',
        ),
      ]
  const stats = await stat(dir).catch(() => undefined)
  if (stats === undefined)
    return [
      warn(
        `the state directory ${dir} is not there yet`,
        'It is made at the first start of the service; until then a start needs the plane.',
      ),
      ...kept,
    ]
  if (!stats.isDirectory()) return [fail(`${dir} is not a folder`, 'Set TULLE_STATE_DIR to a folder.')]
  const trouble = [
    ...ownership(dir, stats, user, true),
    ...(await unwritable(dir)),
    ...(await files(dir, user)),
  ]
  return [...(trouble.length > 0 ? trouble : [pass(`the state directory ${dir} can be used`)]), ...kept]
}

function ownership(
  path: string,
  { uid, mode }: { readonly uid: number; readonly mode: number },
  user: number | undefined,
  folder: boolean,
): Finding[] {
  if (user === undefined) return []
  if (uid !== user)
    return [
      fail(
        `${path} belongs to user ${uid}, and this runs as ${user}`,
        `Run: chown ${user} ${path} — or run this check as the user of the service.`,
      ),
    ]
  const others = mode & 0o077
  const shown = `0${(mode & 0o777).toString(8)}`
  // Who may write into the folder may put another key there; who may only list it learns names.
  if (folder && (others & 0o022) !== 0)
    return [fail(`others may write into ${path} (mode ${shown})`, `Run: chmod 700 ${path}`)]
  if (folder && others !== 0)
    return [warn(`others may look into ${path} (mode ${shown})`, `Run: chmod 700 ${path}`)]
  if (!folder && others !== 0)
    return [fail(`others may use ${path} (mode ${shown}), so it is not believed`, `Run: chmod 600 ${path}`)]
  return []
}

async function unwritable(dir: string): Promise<Finding[]> {
  try {
    await access(dir, constants.W_OK | constants.X_OK)
    return []
  } catch {
    return [
      fail(`${dir} cannot be written to`, 'Is it mounted read-only, or not of the user of the service?'),
    ]
  }
}

async function files(dir: string, user: number | undefined): Promise<Finding[]> {
  const names = (await readdir(dir).catch(() => [])).filter((name) => NAMES.includes(name))
  const found = await Promise.all(
    names.map(async (name) => {
      const path = join(dir, name)
      const stats = await stat(path).catch(() => undefined)
      return stats === undefined ? [] : ownership(path, stats, user, false)
    }),
  )
  return found.flat()
}
