import assert from 'node:assert/strict'
import type { Agent } from './running-agent.ts'

type Party = string

interface Listed {
  readonly ID: string
  readonly SourceName: string
  readonly DestinationName: string
}

async function known(agent: Agent, source: Party, destination: Party): Promise<string | undefined> {
  const listed: readonly Listed[] = (await agent.api('GET', '/v1/connect/intentions')).json ?? []
  return listed.find((one) => one.SourceName === source && one.DestinationName === destination)?.ID
}

/** Makes or changes an intention, by the API that every Consul from 1.2 on has. Resolves when it is in force there. */
export async function intend(
  agent: Agent,
  source: Party,
  destination: Party,
  action: 'allow' | 'deny',
): Promise<void> {
  const body = { SourceName: source, DestinationName: destination, SourceType: 'consul', Action: action }
  const id = await known(agent, source, destination)
  const { status, text } =
    id === undefined
      ? await agent.api('POST', '/v1/connect/intentions', body)
      : await agent.api('PUT', `/v1/connect/intentions/${id}`, body)
  assert.equal(status, 200, text)
}

/** Takes one back. */
export async function unintend(agent: Agent, source: Party, destination: Party): Promise<void> {
  const id = await known(agent, source, destination)
  if (id !== undefined) await agent.api('DELETE', `/v1/connect/intentions/${id}`)
}
