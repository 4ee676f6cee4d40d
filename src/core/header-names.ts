/** Every header name tulle writes or reads, lower case. */

/** Remaining milliseconds, so that Envoy meshes interoperate (SEMANTICS 2.23). */
export const TIMEOUT = 'x-envoy-expected-rq-timeout-ms'
export const GRPC_TIMEOUT = 'grpc-timeout'
export const TRACEPARENT = 'traceparent'
export const TRACESTATE = 'tracestate'
export const BAGGAGE = 'baggage'
export const IDEMPOTENCY_KEY = 'idempotency-key'
export const RETRY_AFTER = 'retry-after'
/** Retries that were charged so far, this one included; absent where there was none, so not on transparent ones (gRFC A6). */
export const PREVIOUS_ATTEMPTS = 'x-tulle-previous-attempts'
/** gRFC A6's name of it: of a request, attempts before this one; of an answer, before the one that answers. Without transparent ones. */
export const PREVIOUS_RPC_ATTEMPTS = 'grpc-previous-rpc-attempts'
/** On refusals of ours: the code, so that a mesh caller can tell them from the application's own answers. */
export const REFUSED = 'x-tulle-refused'
/** Everything that begins so is ours, and is stripped from every inbound request. */
export const OWN_PREFIX = 'x-tulle-'
