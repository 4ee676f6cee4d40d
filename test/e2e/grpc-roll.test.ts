import { test } from 'node:test'
import { createMesh } from '../../src/index.ts'
import { Fleet } from '../kit/grpc/fleet.ts'
import { callerOf, NAMES, roll, WELL } from '../kit/grpc/roll.ts'
import { TWICE } from '../kit/grpc/setting.ts'

test('FAULTS 62: ten restarts by SIGTERM under load, addresses written down, lose no call and repeat none that must not be', async (t) => {
  const fleet = new Fleet(t)
  const members = await Promise.all(NAMES.map((name) => fleet.start({ name, behaviour: WELL })))
  const addresses = members.map(({ address }) => address)
  const mesh = createMesh({
    service: 'web',
    log: 'error',
    env: {},
    endpoints: { pricing: addresses, booking: addresses },
    policy: {
      version: 1,
      defaults: { connect: { timeout: '5s' } },
      services: { pricing: { routes: [TWICE] }, booking: {} },
    },
  })
  t.after(() => mesh.close())
  await mesh.start()
  const callers = { reads: callerOf(t, mesh, 'pricing', true), writes: callerOf(t, mesh, 'booking', false) }
  await roll(t, fleet, members, callers, ({ name, port }) => fleet.start({ name, port, behaviour: WELL }))
})
