import type { EndpointSpec } from '../core/endpoint.ts'
import type { Source } from './source.ts'
import { StaticSource } from './static.ts'

export interface SourceSettings {
  readonly endpoints: ReadonlyMap<string, readonly EndpointSpec[]>
}

/** Every discovery source by its `TULLE_DISCOVERY` name. */
export const sources: Readonly<Record<string, (settings: SourceSettings) => Source>> = {
  static: ({ endpoints }) => new StaticSource(endpoints),
}
