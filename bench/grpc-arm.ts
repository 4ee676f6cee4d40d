/**
 * One arm of `grpc.ts` in a fresh process: a closed loop at a fixed concurrency, CPU time per unit by window, and
 * thousands of units in a second. A unit is a unary call, or a message of a stream. Arguments: arm name, port of the upstream, concurrency,
 * windows, milliseconds of a window, milliseconds and units of warm-up, both at least, and the folder of the certificates.
 */
import { bareOrders, type Done, get, list, meshOrders } from './grpc-caller.ts'

const [
  arm = '',
  port = '',
  concurrency = '16',
  windows = '4',
  windowMs = '1000',
  warmupMs = '2500',
  warmupUnits = '40000',
  certificates = '',
] = process.argv.slice(2)

const [through, ...traits] = arm.split('-')
const secured = traits.includes('tls') ? certificates : undefined
const orders = await (through === 'mesh' ? meshOrders(port, secured) : bareOrders(port, secured))
let units = 0
let stopped = false
const count = (): void => void units++
const streams = traits.includes('stream')
const once = (done: Done): void => (streams ? list(orders, count, done) : get(orders, done))

const loop = (): void => {
  if (stopped) return
  once((error) => {
    if (error !== undefined) {
      process.stderr.write(`${arm}: ${error.stack}\n`)
      process.exit(1)
    }
    if (!streams) units++
    loop()
  })
}
for (let i = 0; i < Number(concurrency); i++) loop()

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const warmAt = performance.now() + Number(warmupMs)
while (performance.now() < warmAt || units < Number(warmupUnits)) await sleep(10)
const perUnit: number[] = []
const perSecond: number[] = []
for (let i = 0; i < Number(windows); i++) {
  const before = { cpu: process.cpuUsage(), units, at: performance.now() }
  await sleep(Number(windowMs))
  const { user, system } = process.cpuUsage(before.cpu)
  perUnit.push((user + system) / (units - before.units))
  perSecond.push((units - before.units) / (performance.now() - before.at))
}
stopped = true
process.stdout.write(JSON.stringify({ arm, perUnit, perSecond }))
process.exit(0)
