#!/usr/bin/env node
import { processIo } from './io.ts'
import { run } from './program.ts'

// No top-level await: what loads this file with require() must not be stopped by it.
void run(process.argv.slice(2), processIo).then((code) => {
  process.exitCode = code
})
