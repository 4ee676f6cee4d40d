import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import type { Agent } from './running-agent.ts'

/** Connect's CA gets a new key, so that it makes a new root, which the old one signs too. Resolves when it is in force. */
export async function rotateRoot(agent: Agent): Promise<void> {
  const { json } = await agent.api('GET', '/v1/connect/ca/configuration')
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const PrivateKey = privateKey.export({ type: 'sec1', format: 'pem' })
  const { status, text } = await agent.api('PUT', '/v1/connect/ca/configuration', {
    Provider: 'consul',
    Config: { ...json.Config, PrivateKey },
  })
  assert.equal(status, 200, text)
}
