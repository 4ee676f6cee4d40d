export interface UntilOptions {
  /** What is waited for, as a noun phrase: it is the failure's message. */
  readonly what: string
  /** Milliseconds; default 5,000. */
  readonly withinMs?: number
  /** Milliseconds between looks; default 5. */
  readonly everyMs?: number
  /** What the condition saw last, printed when it never held. */
  readonly seen?: () => unknown
}

/** Resolves with the first value of `condition` that is neither false, null nor undefined; rejects when time is up. */
export async function until<T>(
  condition: () => T | Promise<T>,
  { what, withinMs = 5000, everyMs = 5, seen }: UntilOptions,
): Promise<Exclude<T, false | null | undefined>> {
  const started = performance.now()
  for (;;) {
    const value = await condition()
    if (value !== false && value !== undefined && value !== null)
      return value as Exclude<T, false | null | undefined>
    if (performance.now() - started > withinMs) {
      const last = seen === undefined ? '' : `; last seen: ${JSON.stringify(seen())}`
      throw new Error(`waited ${withinMs} ms for ${what}, in vain${last}`)
    }
    await delay(everyMs)
  }
}

export const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** The promise, or a rejection that names what did not happen in time. Its timer never outlives it. */
export async function within<T>(promise: Promise<T>, ms: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
