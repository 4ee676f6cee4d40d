import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Child } from '../../test/kit/consul/child.ts'
import { until } from '../../test/kit/wait.ts'
import type { Side } from '../certificates.ts'
import type { PairSettings } from './pair.ts'

/** The two ways a proxy stands: before the caller, and before the called. */
export const SIDES = ['bench', 'orders'] as const satisfies Side[]

/** Certificate and key in one file, as haproxy wants them. */
export function joinedPem(certificates: string, side: Side, folder: string): string {
  const path = join(folder, `${side}-joined.pem`)
  const parts = [`${side}.pem`, `${side}.key`].map((name) => readFileSync(join(certificates, name), 'utf8'))
  writeFileSync(path, parts.join('\n'), { mode: 0o600 })
  return path
}

/** Goes with the proxy that is started in it. */
export const folderFor = (name: string): string => mkdtempSync(join(tmpdir(), `tulle-bench-${name}-`))

/** One proxy in the foreground, and what was written for it. */
export interface ProxyProcess {
  readonly pid: number
  stop(): Promise<void>
}

/** Resolves once it accepts connections. @throws Error with what it printed */
export async function startProxyProcess(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
  port: number,
  folder: string,
  { under }: Pick<PairSettings, 'under'>,
): Promise<ProxyProcess> {
  const [program, ...args] = under(command)
  const child = new Child(program, args, env, folder)
  await until(
    async () => {
      if (child.exit !== undefined) throw new Error(`${command[0]} ended at once:\n${child.log}`)
      return accepts(port)
    },
    { what: `${command[0]} on port ${port}`, withinMs: 15_000, everyMs: 50, seen: () => child.log },
  )
  return {
    pid: child.pid,
    stop: async () => {
      await child.kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
