import { randomBytes } from 'node:crypto'
import { readFile, readlink } from 'node:fs/promises'
import { hostname } from 'node:os'

/** Who holds a lock, as its file says. */
export interface Holder {
  readonly pid: number
  readonly host: string
  /** Distinct for every lock ever taken. */
  readonly token: string
  /** When the process began, in the system's own ticks since boot; a pid alone may be another process's by now. */
  readonly started: string
  /** The boot and the pid namespace that `pid` and `started` count in; empty where the system does not tell. */
  readonly boot: string
  readonly namespace: string
}

export async function ourselves(): Promise<Holder> {
  return {
    pid: process.pid,
    host: hostname(),
    token: randomBytes(16).toString('hex'),
    started: (await startOf(process.pid)) ?? '',
    boot: (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')).trim(),
    namespace: await readlink('/proc/self/ns/pid').catch(() => ''),
  }
}

export function isHolder(value: unknown): value is Holder {
  if (typeof value !== 'object' || value === null) return false
  const { pid, token, host, started, boot, namespace } = value as Partial<Holder>
  return (
    Number.isInteger(pid) &&
    /^[0-9a-f]{32}$/.test(token ?? '') &&
    [host, started, boot, namespace].every((text) => typeof text === 'string')
  )
}

/** `elsewhere`: it is on another machine or in another container, where its pid means nothing to us. */
export async function judgeHolder(holder: Holder, we: Holder): Promise<'alive' | 'dead' | 'elsewhere'> {
  if (holder.host !== we.host || holder.namespace !== we.namespace) return 'elsewhere'
  if (holder.boot !== we.boot) return 'dead'
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return 'dead'
  }
  if (holder.started === '') return 'alive'
  const started = await startOf(holder.pid)
  return started === holder.started ? 'alive' : 'dead'
}

/** Field 22 of `/proc/<pid>/stat` (proc(5)); undefined: no such process, a zombie, or no such file system. */
async function startOf(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // The second field is the name in parentheses, which may itself hold spaces and parentheses.
  const [state, ...fields] = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return state === 'Z' || state === 'X' ? undefined : fields[18]
}
