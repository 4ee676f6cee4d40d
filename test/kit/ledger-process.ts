import { startLedger } from './ledger.ts'

/** A ledger as a program of its own: `ledger-process [name] [port] [host]`. Says `ready <port>` once it listens. */
const [name = 'ledger', port = '0', host = '127.0.0.1'] = process.argv.slice(2)
const ledger = await startLedger({ name, port: Number(port), host })
process.stdout.write(`ready ${ledger.port}\n`)
process.on('SIGTERM', () => void ledger.close())
process.on('disconnect', () => void ledger.close())
