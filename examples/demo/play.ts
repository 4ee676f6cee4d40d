import { type Result, resultOf } from './result.ts'
import { executedTwice, type Scene, type Stage } from './stage.ts'
import type { View } from './ui/view.ts'
import { Broken } from './wait.ts'

/** Plays the scenes one after the other. A scene that does not hold does not keep the next ones from being played. */
export async function play(scenes: readonly Scene[], stage: Stage, view: View): Promise<readonly Result[]> {
  const results: Result[] = []
  for (const scene of scenes) await scene.overture?.(stage)
  for (const [i, scene] of scenes.entries()) {
    view.begin(`${i + 1}/${scenes.length}  ${scene.headline}`)
    const result = await playOne(scene, stage)
    results.push(result)
    view.end(result)
    if (!result.held) await restore(stage)
  }
  return results
}

async function playOne(scene: Scene, stage: Stage): Promise<Result> {
  const twiceBefore = executedTwice(stage)
  stage.traffic.start()
  let held = true
  let shown: string
  try {
    shown = await scene.play(stage)
  } catch (error) {
    held = false
    shown = error instanceof Broken ? error.message : String(error instanceof Error ? error.stack : error)
  }
  const figures = await stage.traffic.settle()
  const twice = executedTwice(stage) - twiceBefore
  if (twice > 0) {
    held = false
    shown = `${twice} plain POSTs were executed more than once`
  }
  return resultOf(scene.name, held, shown, figures, twice)
}

/** After a scene that broke off in the middle: everything runs and behaves. */
async function restore({ cluster, plane, consul }: Stage): Promise<void> {
  if (plane?.process.pid === undefined) await plane?.process.start()
  await consul?.process.restore()
  for (const instance of cluster.instances) {
    if (instance.pid === undefined) await instance.start()
    else await instance.behave({})
  }
}
