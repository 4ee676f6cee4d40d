import type { AccessLog, AccessLogEntry, Events } from '../core/events.ts'
import type { Logger } from '../core/ports.ts'

/**
 * Tells `hook` of every outgoing call and every inbound request, at its end. A hook that throws is reported once and
 * called again for the next entry; it never harms a call. Returns the removal.
 */
export function attachAccessLog(hook: AccessLog, events: Events, log: Logger): () => void {
  let reported = false
  const tell = (entry: AccessLogEntry): void => {
    try {
      hook(entry)
    } catch (error) {
      if (reported) return
      reported = true
      log.warn('the access log hook threw; further errors of it are not reported', { error: String(error) })
    }
  }
  const removals = [
    events.on('call', (event) => tell({ kind: 'call', ...event })),
    events.on('request', (event) => tell({ kind: 'request', ...event })),
  ]
  return () => {
    for (const remove of removals) remove()
  }
}
