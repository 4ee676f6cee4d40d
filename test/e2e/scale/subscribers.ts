/**
 * Whole meshes in one process, each a service with an identity, a trust bundle, a registry and a policy of its own, all
 * followed at the plane. Arguments: the first service's number, how many. Environment: TOKEN. Prints `in-force
 * <version> <epoch ms>,<epoch ms>,…` when a policy has come into force in all of them, once for each version.
 */
import { createMesh } from '../../../src/index.ts'

const [first = 0, count = 0] = process.argv.slice(2).map(Number)
const inForce = new Map<string, number[]>()

const meshes = Array.from({ length: count }, (_, index) => {
  const nothing = (): void => {}
  const info = (message: string, { version = '' }: { readonly version?: string } = {}): void => {
    if (message === 'policy in force') tell(version)
  }
  return createMesh({
    service: `svc-${first + index}`,
    joinToken: process.env.TOKEN ?? '',
    log: 'info',
    logger: { debug: nothing, info, warn: complain, error: complain },
    env: {},
  })
})

/** Once all of them have it. */
function tell(version: string): void {
  const times = inForce.get(version) ?? []
  inForce.set(version, times)
  times.push(performance.timeOrigin + performance.now())
  if (times.length === count)
    process.stdout.write(`in-force ${version} ${times.map((at) => at.toFixed(2)).join(',')}\n`)
}

function complain(message: string, fields?: object): void {
  process.stderr.write(`${message} ${JSON.stringify(fields ?? {})}\n`)
}

// Reading a policy of a hundred documents keeps this process busy; in its own, each would have a core for it.
const AT_ONCE = 2
for (let index = 0; index < count; index += AT_ONCE)
  await Promise.all(meshes.slice(index, index + AT_ONCE).map((mesh) => mesh.start()))
process.stdout.write('ready\n')
// Also keeps the process: what follows a plane does not.
process.on('disconnect', () => process.exit())
