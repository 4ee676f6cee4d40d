import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-node'
import type { SpanRecord } from '../messages.ts'

const KEPT = 500
const KINDS = ['internal', 'server', 'client', 'producer', 'consumer'] as const

/** An exporter that keeps the last spans of this process until the runner asks for a trace. */
export class SpanShelf implements SpanExporter {
  readonly #service: string
  readonly #spans: SpanRecord[] = []

  constructor(service: string) {
    this.#service = service
  }

  export(spans: ReadableSpan[], done: Parameters<SpanExporter['export']>[1]): void {
    for (const span of spans) this.#spans.push(recordOf(span, this.#service))
    this.#spans.splice(0, this.#spans.length - KEPT)
    done({ code: 0 })
  }

  async shutdown(): Promise<void> {}

  of(traceId: string): readonly SpanRecord[] {
    return this.#spans.filter((span) => span.traceId === traceId)
  }
}

function recordOf(span: ReadableSpan, service: string): SpanRecord {
  const { traceId, spanId } = span.spanContext()
  return {
    service,
    traceId,
    spanId,
    parentId: span.parentSpanContext?.spanId,
    name: span.name,
    kind: KINDS[span.kind] ?? 'internal',
    startMs: millisecondsOf(span.startTime),
    endMs: millisecondsOf(span.endTime),
    failed: span.status.code === 2,
    attributes: Object.fromEntries(
      Object.entries(span.attributes).filter(
        (entry): entry is [string, string | number | boolean] =>
          entry[1] !== undefined && !Array.isArray(entry[1]),
      ),
    ),
  }
}

const millisecondsOf = ([seconds, nanoseconds]: readonly [number, number]): number =>
  seconds * 1000 + nanoseconds / 1e6
