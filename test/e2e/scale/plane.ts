/** A plane in a process of its own: `ready {url, bundle, token, adminToken}`. */
import { startPlane } from '../../../src/plane.ts'

const plane = await startPlane()
const { url, bundle, trustDomain, adminToken } = plane
const token = plane.createToken('*')
process.stdout.write(`ready ${JSON.stringify({ url, bundle, trustDomain, adminToken, token })}\n`)
const end = (): void => void plane.close().then(() => process.exit())
process.on('disconnect', end)
process.on('SIGTERM', end)
