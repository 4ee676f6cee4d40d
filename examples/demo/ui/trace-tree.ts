import type { SpanRecord } from '../messages.ts'
import { stretch } from './bars.ts'
import { fit, type Paint } from './paint.ts'
import { milliseconds } from './units.ts'

const SERVICE = 7
const TIME = 7
const BAR = 20

/** The spans whose parent is not among them. */
export function rootsOf(spans: readonly SpanRecord[]): readonly SpanRecord[] {
  const ids = new Set(spans.map((span) => span.spanId))
  return spans.filter((span) => span.parentId === undefined || !ids.has(span.parentId))
}

export function depthOf(spans: readonly SpanRecord[]): number {
  const below = (span: SpanRecord): number => 1 + Math.max(0, ...childrenOf(spans, span).map(below))
  return Math.max(0, ...rootsOf(spans).map(below))
}

/** A trace as a tree with its waterfall: one line per span, `width` columns. */
export function traceTree(spans: readonly SpanRecord[], paint: Paint, width = 80): string[] {
  const startMs = Math.min(...spans.map((span) => span.startMs))
  const wholeMs = Math.max(...spans.map((span) => span.endMs)) - startMs || 1
  const lines: string[] = []
  const draw = (span: SpanRecord, prefix: string, branch: string, below: string): void => {
    const room = width - SERVICE - TIME - BAR - 3
    const label = fit(`${prefix}${branch}${labelOf(span)}`, room)
    const time = fit(milliseconds(span.endMs - span.startMs), TIME, 'right')
    const line = stretch((span.startMs - startMs) / wholeMs, (span.endMs - startMs) / wholeMs, BAR)
    const service = paint('cyan', fit(span.service, SERVICE))
    const style = span.failed ? 'red' : 'green'
    lines.push(
      `${service} ${span.failed ? paint('red', label) : label} ${time} ${paint(style, line)}`.trimEnd(),
    )
    const children = childrenOf(spans, span)
    children.forEach((child, i) => {
      const last = i === children.length - 1
      draw(child, prefix + below, last ? '└ ' : '├ ', last ? '  ' : '│ ')
    })
  }
  for (const root of rootsOf(spans)) draw(root, '', '', '')
  return lines
}

function childrenOf(spans: readonly SpanRecord[], parent: SpanRecord): readonly SpanRecord[] {
  return spans.filter((span) => span.parentId === parent.spanId).sort((a, b) => a.startMs - b.startMs)
}

function labelOf({ name, kind, attributes }: SpanRecord): string {
  const status =
    attributes['http.response.status_code'] ??
    attributes['rpc.response.status_code'] ??
    attributes['error.type']
  const port = attributes['server.port']
  const sent = kind === 'client' && port !== undefined ? ` to :${port}` : ''
  return `${name}${sent}${status === undefined ? '' : ` ${status}`}`
}
