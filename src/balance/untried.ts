import type { Endpoint } from '../core/endpoint.ts'

/** How often chance is asked again before the whole list is looked through. */
const REDRAWS = 4

/**
 * Draws an endpoint that was not tried. A few draws nearly always do; else the list is walked from where the last
 * draw fell, so that the walk prefers nobody.
 *
 * @returns its index, or −1 where all were tried
 */
export function drawUntried(
  available: readonly Endpoint[],
  tried: ReadonlySet<Endpoint>,
  draw: () => number,
): number {
  let index = draw()
  for (let again = 0; again < REDRAWS; again++) {
    if (!tried.has(available[index] as Endpoint)) return index
    index = draw()
  }
  for (let step = 0; step < available.length; step++) {
    if (!tried.has(available[index] as Endpoint)) return index
    index = index + 1 === available.length ? 0 : index + 1
  }
  return -1
}
