import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { debianProgram, NGINX } from '../../scripts/debian-program.ts'
import { freePorts } from '../../test/kit/consul/ports.ts'
import { folderFor, type ProxyProcess, SIDES, startProxyProcess } from './files.ts'
import type { StartPair } from './pair.ts'

/** What one of the two is told. Connections are kept on both sides, for longer than any arm waits. */
export function nginxConfig(
  port: number,
  to: number,
  certificates: string,
  folder: string,
  side: (typeof SIDES)[number],
): string {
  const file = (name: string): string => join(certificates, name)
  const outgoing = side === 'bench'
  const tls = outgoing
    ? `
      proxy_ssl_certificate ${file('bench.pem')};
      proxy_ssl_certificate_key ${file('bench.key')};
      proxy_ssl_trusted_certificate ${file('roots.pem')};
      proxy_ssl_verify on;
      proxy_ssl_verify_depth 2;
      proxy_ssl_name orders;
      proxy_ssl_protocols TLSv1.3;`
    : `
      ssl_certificate ${file('orders.pem')};
      ssl_certificate_key ${file('orders.key')};
      ssl_client_certificate ${file('roots.pem')};
      ssl_verify_client on;
      ssl_verify_depth 2;
      ssl_protocols TLSv1.3;`
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `  ${name}_temp_path ${join(folder, name)};\n`)
    .join('')
  return `daemon off;
master_process off;
error_log stderr;
pid ${join(folder, 'nginx.pid')};
events { worker_connections 1024; }
http {
  access_log off;
${temporary}  upstream other {
    server 127.0.0.1:${to};
    keepalive 64;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
  }
  server {
    listen 127.0.0.1:${port}${outgoing ? '' : ' ssl'};
    keepalive_requests 1000000000;
    keepalive_timeout 600s;${outgoing ? '' : tls}
    location / {${outgoing ? tls : ''}
      proxy_pass ${outgoing ? 'https' : 'http'}://other;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
    }
  }
}
`
}

/** One process each, in the foreground. */
export const startNginxPair: StartPair = async (settings) => {
  const { path, env, version } = await debianProgram(NGINX, { tell: settings.tell })
  const [outPort = 0, inPort = 0] = await freePorts(2)
  const children: ProxyProcess[] = []
  for (const side of [...SIDES].reverse()) {
    const folder = folderFor('nginx')
    const [port, to] = side === 'bench' ? [outPort, inPort] : [inPort, settings.upstreamPort]
    const file = join(folder, 'nginx.conf')
    writeFileSync(file, nginxConfig(port, to, settings.certificates, folder, side))
    const command = [path, '-p', folder, '-c', file, '-e', 'stderr']
    children.push(await startProxyProcess(command, env, port, folder, settings))
  }
  return {
    port: outPort,
    securePort: inPort,
    pids: children.map(({ pid }) => pid),
    version,
    stop: async () => void (await Promise.all(children.map((child) => child.stop()))),
  }
}
