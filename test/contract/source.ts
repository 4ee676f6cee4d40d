import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EndpointSet } from '../../src/core/endpoint.ts'
import type { Source } from '../../src/discovery/source.ts'

/** A world in which a source of one kind knows `orders` at two addresses and does not know `nobody`. */
export interface SourceWorld {
  readonly source: Source
  /** Resolves when everything the source has to say so far was said. */
  settled(): Promise<void>
}

/** What every discovery source promises (`src/discovery/source.ts`). */
export function sourceContract(name: string, world: () => Promise<SourceWorld>): void {
  const watch = async (service: string, { source, settled }: SourceWorld) => {
    const sets: EndpointSet[] = []
    const errors: unknown[] = []
    const stop = source.watch(
      service,
      (set) => sets.push(set),
      (error) => errors.push(error),
    )
    await settled()
    return { sets, errors, stop }
  }

  test(`${name}: reports the whole set of a known service`, async () => {
    const here = await world()
    const { sets, errors, stop } = await watch('orders', here)
    assert.equal(sets.at(-1)?.endpoints.length, 2)
    assert.deepEqual(errors, [])
    stop()
    await here.source.close()
  })

  test(`${name}: reports an empty set for a service it does not know`, async () => {
    const here = await world()
    const { sets, stop } = await watch('nobody', here)
    assert.deepEqual(sets.at(-1)?.endpoints, [])
    stop()
    await here.source.close()
  })

  test(`${name}: two watches of one service are told alike, and stopping one leaves the other`, async () => {
    const here = await world()
    const first = await watch('orders', here)
    first.stop()
    first.stop()
    const second = await watch('orders', here)
    assert.deepEqual(second.sets.at(-1), first.sets.at(-1))
    second.stop()
    await here.source.close()
  })

  test(`${name}: lists what it knows, and closes twice without complaint`, async () => {
    const { source } = await world()
    assert.ok(source.known().includes('orders'))
    await source.close()
    await source.close()
  })
}
