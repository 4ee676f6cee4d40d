import { randomUUID } from 'node:crypto'
import { writeBundle } from '../../../src/identity/bundle.ts'
import { certificatesOf } from '../../../src/identity/pem.ts'
import { type ConsulPlane, type ConsulPlaneOptions, startConsulPlane } from '../../../src/plane.ts'
import type { Agent } from '../../kit/consul/agent.ts'
import { type Credentials, type PlaneClient, planeClient } from '../../kit/plane-client.ts'
import type { Cleanup } from '../../kit/process.ts'

export const silent = { debug() {}, info() {}, warn() {}, error() {} }

/** A replica on an agent; closed at the end of the test. */
export async function replica(
  t: Cleanup,
  agent: Agent,
  options: Partial<ConsulPlaneOptions> = {},
): Promise<ConsulPlane> {
  const plane = await startConsulPlane({
    store: 'consul:///tulle',
    agent: { address: agent.address, token: agent.token },
    port: 0,
    host: '127.0.0.1',
    logger: silent,
    ...options,
  })
  t.after(() => plane.close())
  return plane
}

/** The roots that Connect's members believe, as a SPIFFE bundle. */
export async function bundleOf(agent: Agent): Promise<string> {
  const { json } = await agent.api('GET', '/v1/agent/connect/ca/roots')
  const roots = (json.Roots as { RootCert: string }[]).flatMap(({ RootCert }) => certificatesOf(RootCert))
  return writeBundle(roots, 1)
}

/** Somebody who shows the Connect leaf of a service, or none. */
export async function clientOf(
  t: Cleanup,
  agent: Agent,
  plane: { readonly url: string },
  service?: string,
): Promise<PlaneClient> {
  const credentials = service === undefined ? undefined : await leafOf(agent, service)
  return planeClient(t, { url: plane.url, bundle: await bundleOf(agent) }, credentials)
}

async function leafOf(agent: Agent, service: string): Promise<Credentials> {
  const { json } = await agent.api('GET', `/v1/agent/connect/ca/leaf/${service}`)
  return { cert: json.CertPEM, key: json.PrivateKeyPEM }
}

export async function keysOf(agent: Agent, prefix = 'tulle'): Promise<string[]> {
  const { json } = await agent.api('GET', `/v1/kv/${prefix}/?keys`)
  return ((json ?? []) as string[]).map((key) => key.slice(prefix.length + 1))
}

/** A fresh ACL token with these rules. */
export async function tokenOf(agent: Agent, rules: string): Promise<string> {
  const name = randomUUID()
  await agent.api('PUT', '/v1/acl/policy', { Name: name, Rules: rules })
  const { json } = await agent.api('PUT', '/v1/acl/token', { Policies: [{ Name: name }] })
  return json.SecretID
}

export const policyOf = (service: string, timeout: string): string =>
  `version: 1\nservices:\n  ${service}:\n    timeout: ${timeout}\n`

/** Documents of about this many bytes in all, each good. */
export function largePolicy(bytes: number, timeout = '1s'): { name: string; text: string }[] {
  const each = 500_000
  return Array.from({ length: Math.ceil(bytes / each) }, (_, i) => ({
    name: `large-${i}.yaml`,
    text: `${policyOf(`large-${i}`, timeout)}${`# ${'x'.repeat(97)}\n`.repeat(each / 100)}`,
  }))
}
