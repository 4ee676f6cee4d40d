import { startPlane } from '../../src/plane.ts'

/** A plane as a program of its own. Prints what a test needs to talk to it. */
const [, , dir] = process.argv
const plane = await startPlane({
  ...(dir === undefined || dir === '' ? {} : { dir }),
  port: 0,
  host: '127.0.0.1',
  trustDomain: 'kill.test',
})
const { url, bundle, trustDomain } = plane
const tokens = Object.fromEntries(['orders', 'users'].map((name) => [name, plane.createToken(name)]))
process.on('message', () => {})
process.stdout.write(
  `ready ${JSON.stringify({ url, bundle, trustDomain, tokens, adminTokenFile: plane.adminTokenFile })}\n`,
)
