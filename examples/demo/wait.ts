export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** What a scene promised and did not keep. */
export class Broken extends Error {}

export function check(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Broken(otherwise)
}

/** Waits for a condition; resolves with how long it took, in milliseconds. @throws Broken after `limitMs` */
export async function until(
  what: string,
  limitMs: number,
  condition: () => boolean | Promise<boolean>,
): Promise<number> {
  const started = performance.now()
  while (!(await condition())) {
    check(performance.now() - started < limitMs, `waited ${limitMs} ms in vain: ${what}`)
    await pause(20)
  }
  return performance.now() - started
}
