import assert from 'node:assert/strict'
import { existsSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { makeCertificates, tlsOptions } from '../../bench/certificates.ts'
import { startPair } from '../../bench/sidecar/pair.ts'

for (const kind of ['nginx', 'haproxy'] as const)
  test(`a pair of ${kind} keeps its connections, and the inner one turns away who has no certificate`, {
    timeout: 120_000,
  }, async (t) => {
    const certificates = makeCertificates()
    t.after(() => rmSync(certificates, { recursive: true }))
    let connections = 0
    const server = createServer((_req, res) => res.end('right')).on('connection', () => {
      connections++
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.after(() => server.close())
    t.after(() => server.closeAllConnections())
    const upstreamPort = (server.address() as AddressInfo).port
    const under = (command: readonly string[]) => command as [string, ...string[]]
    const pair = await startPair(kind, {
      upstreamPort,
      certificates,
      under,
      tell: (line) => t.diagnostic(line),
    })
    t.after(() => pair.stop())
    for (let n = 0; n < 20; n++) {
      const answer = await fetch(`http://127.0.0.1:${pair.port}/`)
      assert.equal(`${answer.status} ${await answer.text()}`, '200 right')
    }
    assert.ok(connections <= 3, `${connections} connections for 20 requests`)
    assert.match(pair.version, new RegExp(kind, 'i'))

    const known = tlsOptions(certificates, 'bench')
    assert.match(await said(pair.securePort, known), /^HTTP\/1\.1 200 /)
    const { cert: _cert, key: _key, ...stranger } = known
    assert.doesNotMatch(await said(pair.securePort, stranger), /^HTTP\/1\.1 200 /)

    await pair.stop()
    for (const pid of pair.pids) assert.ok(!existsSync(`/proc/${pid}`), `${pid} still runs`)
  })

/** What the inner proxy answers; the name of an error where it closes the connection instead. */
function said(port: number, options: object): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ ...options, port, host: '127.0.0.1' })
    socket.on('data', (chunk) => {
      socket.destroy()
      resolve(chunk.toString())
    })
    socket.on('error', (error) => resolve(String(error)))
    socket.on('close', () => resolve('closed'))
    socket.write('GET / HTTP/1.1\r\nhost: orders\r\n\r\n')
  })
}
