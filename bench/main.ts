/** `npm run bench`: see `bench/README.md`, or `npm run bench -- --help`. */
import { rmSync } from 'node:fs'
import { armsOf } from './arms/index.ts'
import { judge, readBudgets, verdictsReport } from './budgets.ts'
import { makeCertificates } from './certificates.ts'
import { CALL_GROUPS, type CallGroup } from './groups.ts'
import { machineOf } from './machine.ts'
import { parseOptions, USAGE } from './options.ts'
import { callsReport } from './report/calls.ts'
import { machineReport } from './report/machine.ts'
import type { GroupResult } from './results.ts'
import { runGroup } from './runner.ts'
import { type Outcome, simulate, simulationReport } from './simulate/table.ts'

const options = parseOptions(process.argv.slice(2))
if (options.help) process.stdout.write(USAGE)
else await run()

async function run(): Promise<void> {
  const machine = machineOf(options)
  const certificates = makeCertificates()
  const tell = (line: string): void => void process.stderr.write(`${line}\n`)
  const print = (text: string): void => {
    if (!options.json) process.stdout.write(`${text}\n`)
  }
  print(machineReport(machine))
  const results: GroupResult[] = []
  let simulated: Outcome[] | undefined
  try {
    for (const group of options.groups) {
      if (group === 'simulate') {
        simulated = simulate([1], tell)
        print(simulationReport(simulated))
      }
      if (!CALL_GROUPS.includes(group as CallGroup)) continue
      const arms = armsOf(group as CallGroup, options)
      if (arms.length === 0) continue
      const result = await runGroup(arms, options, certificates, tell)
      results.push(result)
      print(callsReport(result, machine, options.raw))
    }
  } finally {
    rmSync(certificates, { recursive: true })
  }
  if (options.check) {
    const verdicts = judge(readBudgets(), results)
    process.stderr.write(verdictsReport(verdicts))
    if (verdicts.length === 0 || verdicts.some(({ kept }) => !kept)) process.exitCode = 1
  }
  if (options.json)
    process.stdout.write(`${JSON.stringify({ machine, groups: results, simulated }, null, 1)}\n`)
}
