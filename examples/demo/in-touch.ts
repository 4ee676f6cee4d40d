import type { Health } from 'tulle'
import type { Instance } from './instance.ts'
import type { Stage } from './stage.ts'
import { Broken, pause, until } from './wait.ts'

/** An endpoint that failed is left alone for some seconds, and every handshake takes its time where machines are slow. */
const IN_USE_MS = 15_000

/** How long it takes until an instance that has just started is called, in milliseconds. */
export function inUse({ traffic }: Stage, { name }: Instance): Promise<number> {
  const { servedBy } = traffic.figures
  const before = servedBy.get(name) ?? 0
  return until(`calls for ${name}`, IN_USE_MS, () => (servedBy.get(name) ?? 0) > before + 5)
}

/** Endpoints are on the disk of a caller a second after they came; it hears of them when it calls first. */
const KEPT_AFTER_MS = 1500

/** Until an instance has called whom it calls and could start again with that, by its disk alone. */
export async function keptByNow(stage: Stage, instance: Instance): Promise<void> {
  await inUse(stage, instance)
  await pause(KEPT_AFTER_MS)
}

/**
 * How long it takes until nobody complains any more, in milliseconds.
 * @param of what of a process's health is a complaint
 * @throws Broken with what is complained of after `limitMs`
 */
export async function inTouch(
  { cluster }: Stage,
  limitMs: number,
  of: (health: Health) => readonly (string | undefined)[],
): Promise<number> {
  let complaints: readonly string[] = []
  try {
    return await until('everybody to be in touch again', limitMs, async () => {
      const told = await Promise.all(
        cluster.instances.map(async (one) =>
          of(await healthOf(one)).flatMap((what) => (what === undefined ? [] : [`${one.name}: ${what}`])),
        ),
      )
      complaints = told.flat()
      return complaints.length === 0
    })
  } catch (error) {
    throw new Broken(`${(error as Error).message}; ${complaints.join('; ')}`)
  }
}

export async function healthOf(instance: Instance): Promise<Health> {
  return (await instance.ask({ ask: 'health' })) as Health
}
