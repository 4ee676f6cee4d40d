/** `npm run bench`: see `bench/README.md`, or `npm run bench -- --help`. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../test/kit/root.ts'
import { armsOf } from './arms/index.ts'
import { judge, readBudgets, verdictsReport } from './budgets.ts'
import { makeCertificates } from './certificates.ts'
import { withSecondLook } from './check.ts'
import { CALL_GROUPS, type CallGroup, GROUPS, type Group } from './groups.ts'
import { machineOf } from './machine.ts'
import { paceOf, parseOptions, USAGE } from './options.ts'
import { measurePlane, type PlaneResult, planeReport } from './plane/run.ts'
import { OUT, PAGE_CHARTS, writeCharts } from './plot/write.ts'
import { callsReport } from './report/calls.ts'
import { jsonOf } from './report/json.ts'
import { machineReport } from './report/machine.ts'
import { commandOf, withTable } from './report/page.ts'
import { targetsReport } from './report/targets.ts'
import type { GroupResult } from './results.ts'
import { runGroup } from './runner.ts'
import { type ChurnResult, churnReport, measureChurn } from './scale/churn.ts'
import { measureScale, type ScaleResult, scaleReport } from './scale/run.ts'
import { type Outcome, simulate, simulationReport } from './simulate/table.ts'
import { complete, targetsOf } from './targets.ts'

const options = parseOptions(process.argv.slice(2))
const tell = (line: string): void => void process.stderr.write(`${line}\n`)
if (options.help) process.stdout.write(USAGE)
else await run()

async function run(): Promise<void> {
  const machine = machineOf(options)
  const print = (text: string): void => {
    if (!options.json) process.stdout.write(`${text}\n`)
  }
  print(machineReport(machine))
  /** The page of the documentation, with every table as soon as there is one. */
  const report = (name: Group | 'targets', text: string): void => {
    print(text)
    if (!options.docs) return
    const page = join(root, 'docs', 'performance.md')
    const command = commandOf(name === 'targets' ? undefined : name, process.argv.slice(2), GROUPS)
    const whole = name === 'simulate' ? text : `${machineReport(machine)}\n${text}`
    writeFileSync(page, withTable(readFileSync(page, 'utf8'), name, command, whole))
  }
  const results: GroupResult[] = []
  let scale: ScaleResult[] | undefined
  let churn: ChurnResult | undefined
  let plane: PlaneResult | undefined
  let simulated: Outcome[] | undefined
  await withCertificates(async (certificates) => {
    for (const group of options.groups) {
      if (group === 'simulate') {
        simulated = simulate([1], tell)
        report(group, simulationReport(simulated))
      }
      if (group === 'scale') {
        scale = await measureScale(tell)
        const { warmupMs } = options.pace
        const windows = options.quick ? 1 : 2
        churn = await measureChurn(100, { windows, warmupMs, concurrency: options.concurrency })
        report(group, `${scaleReport(scale)}\n${churnReport(churn)}`)
      }
      if (group === 'plane') {
        plane = await measurePlane(options.quick ? 40 : 200, options.quick ? 3 : 10, tell)
        report(group, planeReport(plane))
      }
      if (!CALL_GROUPS.includes(group as CallGroup)) continue
      const arms = armsOf(group as CallGroup, options)
      if (arms.length === 0) continue
      const pace = paceOf(group, options.pace)
      const result = await runGroup(arms, { ...options, pace }, certificates, tell)
      results.push(result)
      report(group, callsReport(result, machine, options.raw))
    }
  })
  const node = Number(machine.node.split('.')[0])
  const targets = targetsOf({ groups: results, scale, simulated, node })
  // Of a part of everything there is no table: it would stand on the page in the place of the whole.
  if (complete(targets) && !options.quick) report('targets', targetsReport(targets))
  if (options.plot) for (const path of writeCharts(results, machine, OUT)) tell(path)
  if (options.plot && options.docs) writeCharts(results, machine, PAGE_CHARTS, ['GET'])
  if (options.check) {
    const first = judge(readBudgets(), results, scale)
    const verdicts = await withCertificates((certificates) =>
      withSecondLook(first, options, certificates, tell),
    )
    process.stderr.write(verdictsReport(verdicts))
    if (verdicts.length === 0 || verdicts.some(({ kept }) => !kept)) process.exitCode = 1
  }
  if (options.json)
    process.stdout.write(
      `${JSON.stringify({ machine, groups: jsonOf(results), scale, churn, plane, simulated, targets }, null, 1)}\n`,
    )
}

async function withCertificates<R>(use: (folder: string) => Promise<R>): Promise<R> {
  const certificates = makeCertificates()
  try {
    return await use(certificates)
  } finally {
    rmSync(certificates, { recursive: true })
  }
}
