import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readOptions, usage } from '../../../examples/demo/options.ts'
import { scenesFor } from '../../../examples/demo/scenes/index.ts'

test('all scenes are played, on a plane, unless some are named', () => {
  assert.equal(readOptions([]).scenes, scenesFor('plane'))
  assert.equal(readOptions([]).setting, 'plane')
  assert.deepEqual(
    readOptions(['--scene', 'outage', '--scene', 'killed']).scenes.map((scene) => scene.name),
    ['outage', 'killed'],
  )
})

test('an unknown scene is refused with the names there are', () => {
  assert.throws(() => readOptions(['--scene', 'quake']), /no scene "quake".*balanced.*traced/)
})

test('without a plane the scenes about it are left out', () => {
  const { scenes, setting } = readOptions(['--no-plane'])
  assert.equal(scenes, scenesFor('static'))
  assert.equal(setting, 'static')
  assert.throws(
    () => readOptions(['--no-plane', '--scene', 'rotation']),
    /no scene "rotation" without a plane/,
  )
})

test('Consul has scenes of its own', () => {
  const { scenes, setting } = readOptions(['--consul'])
  assert.equal(scenes, scenesFor('consul'))
  assert.equal(setting, 'consul')
  assert.throws(() => readOptions(['--consul', '--scene', 'plane-down']), /no scene "plane-down" on Consul/)
})

test('an unknown option is refused', () => {
  assert.throws(() => readOptions(['--fast']), /--fast/)
})

test('the usage names every scene within 80 columns', () => {
  for (const { name } of [...scenesFor('plane'), ...scenesFor('static'), ...scenesFor('consul')])
    assert.ok(usage().includes(name))
  for (const line of usage().split('\n')) assert.ok(line.length <= 80, line)
})
