#!/usr/bin/env node
import { processIo } from './io.ts'
import { run } from './program.ts'

// Until it is known: a command that loses what it waits for has not done what it was asked.
process.exitCode = 1
// No top-level await: what loads this file with require() must not be stopped by it.
void run(process.argv.slice(2), processIo).then((code) => {
  process.exitCode = code
})
