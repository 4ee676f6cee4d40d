import type { AttemptLayer, CallLayer } from '../../src/core/hop.ts'
import { layerContract } from './layer.ts'

/** The least a layer can be. */
const passCall: CallLayer = (next) => (call, observer) => next(call, observer)
const passAttempt: AttemptLayer = (next) => (attempt, observer) => next(attempt, observer)

layerContract('a layer that does nothing', 'call', () => passCall)
layerContract('an attempt layer that does nothing', 'attempt', () => passAttempt)
