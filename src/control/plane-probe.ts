import { connect } from 'node:net'
import type { Clock } from '../core/ports.ts'

const PROBE_MS = 1000

/** Whether somebody accepts a connection there within a second. Nothing is sent; the process is not kept alive for it. */
export function accepts(url: URL, clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 443) })
    const end = (there: boolean): void => {
      disarm()
      socket.destroy()
      resolve(there)
    }
    const disarm = clock.background(PROBE_MS, () => end(false))
    socket.unref()
    socket.once('connect', () => end(true))
    socket.on('error', () => end(false))
  })
}
