import { type PlaneOptions, startPlane } from '../../src/plane.ts'

/**
 * A plane as a program of its own: `plane-process <options as JSON> [service…]`. Says `ready` and, as JSON, its url and
 * a join token for each service.
 */
const [options = '{}', ...services] = process.argv.slice(2)
const plane = await startPlane({ host: '127.0.0.1', ...(JSON.parse(options) as PlaneOptions) })
const tokens = Object.fromEntries(services.map((service) => [service, plane.createToken(service)]))
process.stdout.write(`ready ${JSON.stringify({ url: plane.url, port: plane.port, tokens })}\n`)
process.on('SIGTERM', () => void plane.close().then(() => process.exit(0)))
process.on('disconnect', () => process.exit(1))
