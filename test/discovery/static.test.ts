import { StaticSource } from '../../src/discovery/static.ts'
import { sourceContract } from '../contract/source.ts'

sourceContract('static', async () => ({
  source: new StaticSource(
    new Map([
      [
        'orders',
        [
          { address: '127.0.0.1', port: 4001 },
          { address: '127.0.0.1', port: 4002 },
        ],
      ],
    ]),
  ),
  settled: async () => {},
}))
