import { execFileSync } from 'node:child_process'
import type { Cleanup } from './process.ts'

export interface Namespace {
  /** The address of programs inside it, as seen from here. */
  readonly address: string
  /** Runs a program inside it: the `under` of `startProcess`. */
  readonly under: readonly string[]
  /** From now on nothing that leaves it arrives: established connections go half-open, connects hang. */
  swallow(): void
  /** Undoes `swallow`. */
  heal(): void
}

const ip = (...args: readonly string[]): void => {
  execFileSync('ip', args, { stdio: 'pipe' })
}

/** Distinct per process, so that test files may run beside each other. */
const subnet = `10.${200 + (process.pid % 50)}.${Math.floor(process.pid / 50) % 250}`

/** A network namespace joined to this one by a virtual cable; undefined where the machine does not allow it. */
export function createNamespace(t: Cleanup): Namespace | undefined {
  const name = `tulle-${process.pid}`
  const here = `tl${process.pid}`
  const [near, far] = [`${subnet}.1`, `${subnet}.2`]
  try {
    ip('netns', 'add', name)
  } catch {
    return undefined
  }
  const remove = (): void => {
    for (const args of [
      ['link', 'del', here],
      ['netns', 'del', name],
    ]) {
      try {
        ip(...args)
      } catch {
        // The cable goes with the namespace: whichever went first took the other along.
      }
    }
  }
  t.after(remove)
  try {
    ip('link', 'add', here, 'type', 'veth', 'peer', 'name', 'inside', 'netns', name)
    ip('addr', 'add', `${near}/30`, 'dev', here)
    ip('link', 'set', here, 'up')
    ip('-n', name, 'addr', 'add', `${far}/30`, 'dev', 'inside')
    ip('-n', name, 'link', 'set', 'inside', 'up')
    ip('-n', name, 'link', 'set', 'lo', 'up')
  } catch {
    remove()
    return undefined
  }
  return {
    address: far,
    under: ['ip', 'netns', 'exec', name],
    swallow: () => ip('-n', name, 'route', 'add', 'blackhole', `${near}/32`),
    heal: () => ip('-n', name, 'route', 'del', 'blackhole', `${near}/32`),
  }
}
