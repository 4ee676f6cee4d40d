import { setImmediate as nextTurn } from 'node:timers/promises'

export interface Beat {
  /** Ends it. Resolves with the longest that nothing else could run, in milliseconds. */
  stop(): Promise<number>
}

/** Measures how long the event loop is held at most; the time of other processes is not ours. It keeps a core busy. */
export function beat(): Beat {
  let running = true
  let longest = 0
  const beating = (async () => {
    let last = performance.now()
    let used = process.cpuUsage()
    while (running) {
      await nextTurn()
      const now = performance.now()
      const { user, system } = process.cpuUsage(used)
      longest = Math.max(longest, Math.min(now - last, (user + system) / 1000))
      last = now
      used = process.cpuUsage()
    }
  })()
  return {
    stop: async () => {
      running = false
      await beating
      return longest
    },
  }
}
