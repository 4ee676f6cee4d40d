import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { debianProgram, HAPROXY } from '../../scripts/debian-program.ts'
import { freePorts } from '../../test/kit/consul/ports.ts'
import { folderFor, joinedPem, type ProxyProcess, SIDES, startProxyProcess } from './files.ts'
import type { StartPair } from './pair.ts'

const COMMON = `global
  nbthread 1
  maxconn 4096
  ssl-default-bind-options ssl-min-ver TLSv1.3
  ssl-default-server-options ssl-min-ver TLSv1.3
defaults
  mode http
  option http-keep-alive
  http-reuse always
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  timeout http-keep-alive 600s
`

/** What one of the two is told; `tls` stands where the other one is. */
export function haproxyConfig(port: number, to: number, tls: string, side: (typeof SIDES)[number]): string {
  const [bind, server] = side === 'bench' ? ['', ` ssl ${tls}`] : [` ssl ${tls}`, '']
  return `${COMMON}frontend in
  bind 127.0.0.1:${port}${bind}
  default_backend out
backend out
  server other 127.0.0.1:${to}${server}
`
}

/** As `haproxy -db`: one process in the foreground, one thread. */
export const startHaproxyPair: StartPair = async (settings) => {
  const { path, env, version } = await debianProgram(HAPROXY, { tell: settings.tell })
  const [outPort = 0, inPort = 0] = await freePorts(2)
  const children: ProxyProcess[] = []
  for (const side of [...SIDES].reverse()) {
    const folder = folderFor('haproxy')
    const pem = joinedPem(settings.certificates, side, folder)
    const tls = `crt ${pem} ca-file ${join(settings.certificates, 'roots.pem')} verify required`
    const [port, to] = side === 'bench' ? [outPort, inPort] : [inPort, settings.upstreamPort]
    const file = join(folder, 'haproxy.cfg')
    writeFileSync(file, haproxyConfig(port, to, tls, side))
    children.push(await startProxyProcess([path, '-db', '-f', file], env, port, folder, settings))
  }
  return {
    port: outPort,
    securePort: inPort,
    pids: children.map(({ pid }) => pid),
    version,
    stop: async () => void (await Promise.all(children.map((child) => child.stop()))),
  }
}
