import { DirectoryLock } from '../../src/plane/lock.ts'
import { systemClock } from '../../src/platform/clock.ts'

/** Holds the lock of a directory until it is killed. */
const [, , directory = ''] = process.argv
await DirectoryLock.take(directory, systemClock)
process.stdout.write('ready\n')
process.on('message', () => {})
