/** The table of what was aimed at and what was reached. */
import type { Target } from '../targets.ts'
import { type Column, fixed, signed, tableOf } from './table.ts'

const COLUMNS: readonly Column<Target>[] = [
  { title: '', of: ({ name }) => name, align: 'left' },
  { title: 'what', of: ({ about }) => about, align: 'left' },
  { title: 'target', of: (one) => `${one.atLeast === true ? '≥' : '≤'} ${shown(one, one.limit)}` },
  { title: 'measured', of: (one) => shown(one, one.value) },
  { title: '±A/A', of: ({ spread, digits }) => fixed(spread, digits) },
  { title: '', of: verdict, align: 'left' },
]

const shown = ({ unit, digits }: Target, value: number): string =>
  unit === '×' ? `× ${fixed(value, digits)}` : `${fixed(value, digits)} ${unit}`

function verdict(one: Target): string {
  const { value, limit, spread, met, unit, digits } = one
  const far = Math.abs(value - limit)
  const doubt = far <= spread ? ', but equal arms differ by more' : ''
  if (met) return `met${doubt}`
  const distance = unit === '×' ? signed(value - limit, digits) : `${signed(value - limit, digits)} ${unit}`
  return `not met: ${distance}${doubt}`
}

export const targetsReport = (targets: readonly Target[]): string => tableOf(COLUMNS, targets)
