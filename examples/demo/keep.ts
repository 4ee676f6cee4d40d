import type { PlaneProcess } from './plane-process.ts'
import type { Stage } from './stage.ts'
import type { View } from './ui/view.ts'
import { pause } from './wait.ts'

const REST_MS = 3000

/** Traffic goes on, and whoever is killed is started again after three seconds, until `over` says so. */
export async function keep(stage: Stage, view: View, over: () => boolean): Promise<void> {
  view.show(() => instructions(stage))
  view.begin('It is yours now; Ctrl-C ends it')
  stage.traffic.start()
  while (!over()) {
    await pause(250)
    for (const instance of [...stage.cluster.instances, ...planes(stage)]) {
      if (instance.pid !== undefined || instance.state === 'starting') continue
      const { name } = instance
      instance.state = 'starting'
      view.say(`${name} is gone; it is started again in ${REST_MS / 1000} s`)
      void pause(REST_MS)
        .then(() => (over() ? undefined : instance.start()))
        .then(
          () => view.say(`${name} is back with pid ${instance.pid}`),
          (error: Error) => view.say(`${name}: ${error.message}`),
        )
    }
  }
}

function planes({ plane }: Stage): readonly PlaneProcess[] {
  return plane === undefined ? [] : [plane.process]
}

function instructions(stage: Stage): string[] {
  const { cluster, policy } = stage
  return [
    `  curl ${cluster.url}/items/anything`,
    `  curl -X POST -H 'content-type: application/json' -d '{"id":"mine"}' \\`,
    `       ${cluster.url}/orders`,
    ...cluster.of('orders').map(({ name, pid, port }) => `  kill -9 ${pid}     # ${name}, on port ${port}`),
    ...cluster.of('stock').map(({ name, pid, port }) => `  kill -9 ${pid}     # ${name}, on port ${port}`),
    ...cluster.of('pricing').map(({ name, pid, port }) => `  kill -9 ${pid}     # ${name}, on port ${port}`),
    ...planes(stage).map(({ pid, port }) => `  kill -9 ${pid}     # the plane, on port ${port}`),
    ...policy.howTo.map((line) => `  ${line}`),
    '  Whoever is killed comes back after three seconds.',
  ]
}
