import type { ConsulAnswer, ConsulLink, ConsulRequest } from '../core/consul.ts'

/** Answers nothing but an index: no intention is without a source. */
const INDEX_ALONE: ConsulRequest = {
  method: 'GET',
  path: '/v1/connect/intentions',
  query: { filter: 'SourceName == ""' },
}

/**
 * `/v1/connect/intentions/match` blocks on an index and, before Consul says so in its answers, names none (1.8: it does
 * not set `X-Consul-Index`). The list of intentions has that of the same table. It is asked first: what changes between
 * the two answers ends the next wait at once.
 */
export async function sendMatch(
  link: Pick<ConsulLink, 'send'>,
  request: ConsulRequest,
  signal?: AbortSignal,
): Promise<ConsulAnswer> {
  const answer = await link.send(request, signal)
  if (answer.index !== undefined) return answer
  const { index } = await link.send(INDEX_ALONE, signal)
  const { index: _, waitMs: __, ...now } = request
  return { ...(await link.send(now, signal)), index }
}
