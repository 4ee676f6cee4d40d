import { keep } from './keep.ts'
import { type Options, readOptions, usage } from './options.ts'
import { play } from './play.ts'
import { Theatre } from './theatre.ts'
import { table } from './ui/table.ts'

const LIMIT_MS = 110_000
/** Certificates must have the time to end, which is longer where everything is. */
const LIMIT_ON_PLANE_MS = 180_000

const WHAT: Readonly<Record<Options['setting'], string>> = {
  plane: ', on a plane, every call over mutual TLS',
  consul: ', on three Consul servers, every call over mutual TLS of Connect',
  static: '',
}

async function run(options: Options): Promise<boolean> {
  const out = process.stdout
  const what = WHAT[options.setting]
  out.write(
    `tulle demo: web → orders ×3 → stock ×2 (HTTP), pricing ×2 (gRPC); users come through web${what}\n`,
  )
  const limitMs = options.setting === 'static' ? LIMIT_MS : LIMIT_ON_PLANE_MS
  const tooLong = setTimeout(
    () => fail(new Error(`the demo did not end within ${limitMs / 1000} s`)),
    limitMs,
  )
  const theatre = await Theatre.open(out, options.setting)
  out.write(`they serve; ${theatre.traffic.perSecond} requests per second\n`)
  const results = await play(options.scenes, theatre, theatre.view)
  const seconds = Number((performance.now() / 1000).toFixed(1))
  clearTimeout(tooLong)
  const ok = results.every((result) => result.held)
  theatre.show((paint) => table(results, paint))
  if (options.keep) await keep(theatre, theatre.view, untilInterrupted())
  await theatre.close()
  out.write(`${JSON.stringify({ ok, seconds, scenes: results })}\n`)
  return ok
}

/** From now on Ctrl-C no longer breaks off: it ends in good order. */
function untilInterrupted(): () => boolean {
  let interrupted = false
  process.removeAllListeners('SIGINT')
  process.once('SIGINT', () => {
    interrupted = true
  })
  return () => interrupted
}

/** Leaves at once; what `exit` listeners clean up is cleaned up. */
function fail(error: unknown): never {
  process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
}

process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))
process.once('uncaughtException', fail)

try {
  const options = readOptions(process.argv.slice(2))
  if (options.help) process.stdout.write(usage())
  else process.exitCode = (await run(options).catch(fail)) ? 0 : 1
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage()}`)
  process.exitCode = 2
}
