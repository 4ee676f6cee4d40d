import type { Snapshot } from '../../core/plan.ts'
import { type ConnectParams, connectPiece } from '../../policy/connect.ts'
import { type Finding, pass, warn } from './finding.ts'

/** After so long without a request Node's HTTP servers close a connection (`server.keepAliveTimeout`). */
const SERVERS_CLOSE_MS = 5000

/**
 * Whether our pools give idle connections up before the servers do. Where a server is first, a request can be under way on a
 * connection that is being closed: the classic 502 that nobody can explain.
 */
export function checkKeepAlive(snapshot: Snapshot): Finding {
  const late = [...snapshot.services.values()].flatMap(({ service, params }) => {
    const { idleTimeout } = (params[connectPiece.key] ?? connectPiece.defaults) as ConnectParams
    return idleTimeout >= SERVERS_CLOSE_MS ? [`${service} (${idleTimeout} ms)`] : []
  })
  return late.length === 0
    ? pass(`idle connections are closed before a server closes them (${SERVERS_CLOSE_MS} ms in Node)`)
    : warn(
        `idle connections are kept as long as Node's servers keep them, or longer: ${late.join(', ')}`,
        `Set connect.idleTimeout below ${SERVERS_CLOSE_MS} ms, or raise keepAliveTimeout of those servers above it.`,
      )
}
