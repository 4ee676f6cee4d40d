import type { Logger } from '../core/ports.ts'

/** What a command has to say it prints itself. */
export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }
