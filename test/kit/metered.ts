import type { CallLayer } from '../../src/core/hop.ts'
import { EventBus } from '../../src/telemetry/events.ts'
import { meter } from '../../src/telemetry/meter.ts'
import { meterIn } from '../../src/telemetry/meter-in.ts'
import { meterTry } from '../../src/telemetry/meter-try.ts'
import { makeDeps } from './builders.ts'
import { ScriptedHop } from './hops.ts'

/** The three metering layers of one mesh with a real bus, above one scripted hop. */
export function meteredBench() {
  const events = new EventBus()
  const deps = { ...makeDeps(), events }
  deps.service.endpoints.push(deps.endpoint)
  const below = new ScriptedHop<any>(deps.clock)
  return {
    deps,
    below,
    events,
    call: (meter.layer(undefined, deps) as CallLayer)(below.hop),
    attempt: meterTry.layer(undefined, deps)!(below.hop),
    request: (meterIn.layer(undefined, deps) as CallLayer)(below.hop),
  }
}
