import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import ts from 'typescript'
import type { BalancerModule } from '../../src/balance/balancer.ts'
import { pickerContract } from '../contract/picker.ts'
import { root } from '../kit/root.ts'

const page = readFileSync(join(root, 'docs/extending.md'), 'utf8')
const block = (language: string, having: string): string => {
  const blocks = [...page.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(
    ([, text]) => text ?? '',
  )
  return (
    blocks.find((text) => text.includes(having)) ??
    assert.fail(`docs/extending.md has no ${language} block with ${having}`)
  )
}

/** Puts the file of the page where it would be, beside the compiled balancers. */
async function written(): Promise<BalancerModule> {
  const compiled = ts.transpileModule(block('ts', 'function burden'), {
    compilerOptions: {
      module: ts.ModuleKind.ESNext,
      target: ts.ScriptTarget.ES2023,
      rewriteRelativeImportExtensions: true,
    },
    reportDiagnostics: true,
  })
  assert.deepEqual(compiled.diagnostics, [])
  const here = dirname(fileURLToPath(import.meta.url))
  const file = join(here, `../../src/balance/best-of-three.${process.pid}.js`)
  writeFileSync(file, compiled.outputText)
  try {
    const { bestOfThree } = (await import(pathToFileURL(file).href)) as { bestOfThree: BalancerModule }
    return bestOfThree
  } finally {
    // What has been imported is needed no more: nothing stays where the sources are.
    rmSync(file, { force: true })
  }
}

const bestOfThree = await written()
pickerContract(bestOfThree)

test('the balancer of the page has the name the page gives it', () => {
  assert.equal(bestOfThree.name, 'best-of-three')
})

test('the test example of the page runs as it is printed', () => {
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', block('js', 'tulle/testing')],
    { cwd: root, encoding: 'utf8', timeout: 30_000 },
  )
  assert.equal(status, 0, stderr)
})
