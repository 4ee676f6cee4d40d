import { PolicyRefusal, Refusal, startPlane } from 'tulle/plane'
import type { PlaneQuestion, Refused } from './messages.ts'
import { obey } from './obey.ts'

/** The plane: policy, registry and certificates of the eight. All of it is `startPlane`; the rest is the runner's string. */
const plane = await startPlane({
  dir: process.env.DEMO_PLANE_DIR,
  port: Number(process.env.DEMO_PORT),
  host: '127.0.0.1',
  trustDomain: 'demo',
  svidTtlMs: Number(process.env.DEMO_SVID_TTL_MS),
})

obey(async (question: PlaneQuestion): Promise<unknown> => {
  switch (question.ask) {
    case 'token':
      return plane.createToken(question.service)
    case 'push':
      return orRefused(plane.pushPolicy({ documents: question.documents, author: 'demo' }))
    case 'rotate':
      return orRefused(plane.rotate())
    case 'retire':
      return orRefused(plane.retire())
    case 'subscribers':
      return plane.subscribers()
  }
})

async function orRefused(done: Promise<unknown>): Promise<Refused | undefined> {
  try {
    await done
    return undefined
  } catch (error) {
    if (error instanceof PolicyRefusal || error instanceof Refusal) return { refused: error.message }
    throw error
  }
}
