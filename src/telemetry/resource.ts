import type { Attributes } from '@opentelemetry/api'
import type { NodeTracerProvider } from '@opentelemetry/sdk-trace-node'

type Config = NonNullable<ConstructorParameters<typeof NodeTracerProvider>[0]>
type SdkResource = NonNullable<Config['resource']>

export interface ResourceVariables {
  readonly OTEL_RESOURCE_ATTRIBUTES?: string | undefined
  readonly OTEL_SERVICE_NAME?: string | undefined
  readonly TULLE_SERVICE?: string | undefined
}

/**
 * Who makes the spans. The SDK's own constructors of resources live in a package that is not ours to import, and a
 * resource is three members.
 */
export class Resource implements SdkResource {
  readonly attributes: Attributes

  constructor(attributes: Attributes) {
    this.attributes = attributes
  }

  getRawAttributes(): ReturnType<SdkResource['getRawAttributes']> {
    return Object.entries(this.attributes)
  }

  merge(other: SdkResource | null): SdkResource {
    return new Resource({ ...this.attributes, ...other?.attributes })
  }
}

/** @param service stronger than every variable */
export function resourceFrom(env: ResourceVariables, service?: string): Resource {
  const given = parse(env.OTEL_RESOURCE_ATTRIBUTES ?? '')
  const name = service ?? env.OTEL_SERVICE_NAME ?? env.TULLE_SERVICE ?? given['service.name']
  return new Resource({
    'telemetry.sdk.name': 'opentelemetry',
    'telemetry.sdk.language': 'nodejs',
    ...given,
    'service.name': name === undefined || name === '' ? 'unknown_service:node' : name,
  })
}

/** `key=value,key=value`, percent-encoded; one mistake voids the whole, as the specification says. */
function parse(text: string): Record<string, string> {
  const entries: [string, string][] = []
  for (const pair of text.split(',')) {
    if (pair.trim() === '') continue
    const equals = pair.indexOf('=')
    if (equals < 1) return {}
    try {
      entries.push([
        decodeURIComponent(pair.slice(0, equals).trim()),
        decodeURIComponent(pair.slice(equals + 1).trim()),
      ])
    } catch {
      return {}
    }
  }
  return Object.fromEntries(entries)
}
