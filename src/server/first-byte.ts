import type { Socket } from 'node:net'
import type { Clock } from '../core/ports.ts'

/** The content type of a TLS handshake record (RFC 8446, 5.1). No HTTP method begins so. */
export const TLS_HANDSHAKE = 0x16

/**
 * Waits for the first byte of a connection and gives it back to the stream. A socket that says nothing in time, or
 * ends first, is closed and never passed on.
 *
 * @param ms how long it may take
 */
export function firstByte(socket: Socket, clock: Clock, ms: number, then: (byte: number) => void): void {
  const disarm = clock.background(ms, () => socket.destroy())
  socket.once('close', disarm)
  socket.once('readable', () => {
    disarm()
    socket.removeListener('close', disarm)
    const chunk = socket.read() as Buffer | null
    const byte = chunk?.[0]
    if (chunk === null || byte === undefined) {
      socket.destroy()
      return
    }
    socket.unshift(chunk)
    then(byte)
  })
}
