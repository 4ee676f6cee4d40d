import cluster from 'node:cluster'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createMesh } from '../../src/index.ts'

/**
 * A service as a program of its own, configured by its environment: `member-process [port] [workers] [none|rr]`. It
 * answers who it is and who asked, after `?ms=` milliseconds, and does what the test asks of it on a port of its own. Says `ready` and, as
 * JSON, both ports. With workers it is a cluster, and a SIGTERM goes on to each of them.
 */
const [port = '0', workers = '0', policy = 'rr'] = process.argv.slice(2)
process.on('disconnect', () => process.exit(1))
if (cluster.isPrimary && workers !== '0') await lead(Number(workers))
else await serve()

async function lead(count: number): Promise<void> {
  cluster.schedulingPolicy = policy === 'none' ? cluster.SCHED_NONE : cluster.SCHED_RR
  const ports = Array.from({ length: count }, () => {
    const worker = cluster.fork()
    return new Promise<number>((resolve) =>
      worker.once('message', (said: { port: number }) => resolve(said.port)),
    )
  })
  const [first] = await Promise.all(ports)
  const pids = Object.values(cluster.workers ?? {}).map((worker) => worker?.process.pid)
  process.stdout.write(`ready ${JSON.stringify({ port: first, control: 0, pids })}\n`)
  process.on('SIGTERM', () => {
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGTERM')
  })
  cluster.on('exit', (worker, code, signal) => {
    process.stdout.write(`left ${worker.process.pid} ${code ?? signal}\n`)
    if (Object.keys(cluster.workers ?? {}).length === 0) process.exit(0)
  })
}

async function serve(): Promise<void> {
  const mesh = createMesh()
  const server = await mesh.serve(
    (req, res) => {
      const answer = () =>
        res.end(JSON.stringify({ pid: process.pid, from: req.mesh?.peer.service, id: req.mesh?.peer.id }))
      const ms = Number(new URL(req.url ?? '/', 'http://x').searchParams.get('ms') ?? 0)
      if (ms > 0) setTimeout(answer, ms)
      else answer()
    },
    { port: Number(port), host: '127.0.0.1' },
  )
  const control = createServer((req, res) => {
    const { pathname, searchParams } = new URL(req.url ?? '/', 'http://x')
    const tell = (value: unknown) => res.end(JSON.stringify(value))
    if (pathname === '/health') tell(mesh.health())
    else
      mesh
        .fetch(searchParams.get('url') ?? '', { mesh: { timeout: '5s' } })
        .then(async (answer) => ({ status: answer.status, text: await answer.text() }))
        .catch(({ code, message }) => ({ code, message }))
        .then(tell)
  }).listen(0, '127.0.0.1')
  control.unref()
  await new Promise((resolve) => control.once('listening', resolve))
  const ports = { port: server.port, control: (control.address() as AddressInfo).port }
  if (cluster.isWorker) process.send?.(ports)
  else process.stdout.write(`ready ${JSON.stringify(ports)}\n`)
}
