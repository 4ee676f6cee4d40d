import { createSocket } from 'node:dgram'
import { lookup } from 'node:dns/promises'

/**
 * The address of this machine that the system would use towards a URL's host, 127.0.0.1 towards a loopback one. A
 * connected UDP socket tells it without sending anything. Undefined: there is no way there.
 */
export async function localAddressTowards(url: string): Promise<string | undefined> {
  const { hostname, port } = new URL(url)
  try {
    const { address, family } = await lookup(hostname.replace(/^\[|\]$/g, ''))
    return await usedTowards(address, family === 6 ? 'udp6' : 'udp4', Number(port || 443))
  } catch {
    return undefined
  }
}

function usedTowards(address: string, type: 'udp4' | 'udp6', port: number): Promise<string> {
  const socket = createSocket(type)
  return new Promise<string>((resolve, reject) => {
    socket.once('error', reject)
    socket.connect(port, address, () => resolve(socket.address().address))
  }).finally(() => socket.close())
}
