/** For users' own tests: time that moves when told, endpoints that answer as told, addresses where nobody answers. */
export type { Clock, Random } from '../core/ports.ts'
export { ManualClock } from './manual-clock.ts'
export { refusingAddress } from './refusing-address.ts'
export {
  type Answer,
  type ReceivedRequest,
  type ScriptedEndpoint,
  scriptedEndpoint,
} from './scripted-endpoint.ts'
