/** tulle: an in-process service mesh for Node.js. */
export type { ConsulOptions, MeshOptions } from './config.ts'
export type { ConsulEntriesStatus } from './control/consul-entries.ts'
export type { ConsulIntentionsStatus } from './control/consul-intentions.ts'
export type { ConsulPolicyStatus } from './control/consul-policy-feed.ts'
export type { PlanePolicyStatus } from './control/plane-feed.ts'
export type { PeerIdentity } from './core/call.ts'
export type { Code } from './core/codes.ts'
export type { EndpointSpec } from './core/endpoint.ts'
export { type AttemptReport, isMeshError, MeshError, type MeshErrorDetails } from './core/errors.ts'
export type { AccessLog, AccessLogEntry, CallEvent, RequestEvent } from './core/events.ts'
export type { MtlsMode } from './core/identity.ts'
export type { Class, Condition, Outcome, Phase } from './core/outcome.ts'
export type { Clock, Logger, Random } from './core/ports.ts'
export type { LifecycleState, Listener as ServedListener, PathMode } from './core/runtime.ts'
export type { ConsulSourceStatus } from './discovery/consul.ts'
export type { PlaneSourceStatus } from './discovery/plane.ts'
export type { RegistrarStatus } from './discovery/registration.ts'
export type { EndpointView, ServiceView } from './endpoints/view.ts'
export type { MeshFetch, MeshFetchInit, MeshRequest, MeshRequestOptions } from './http/fetch.ts'
export type { MeshCallOptions } from './http/options.ts'
export type { CertificateLevel, IdentityHealth } from './identity/identity-health.ts'
export type { SourceHealth } from './identity/source.ts'
export { createMesh, type Mesh } from './mesh.ts'
export type { NotHonoured } from './policy/consul/not-honoured.ts'
export type { PolicyDocument, PolicyRoute, PolicyService, PolicySettings } from './policy-document.ts'
export type {
  ConsulHealth,
  Description,
  Health,
  PlaneHealth,
  PolicyHealth,
  RouteDescription,
} from './report.ts'
export type { Application } from './server/application.ts'
export type { MeshServer, ServeOptions } from './server/http.ts'
export type { ServerLimits } from './server/limits.ts'
export type { MeshRequest as MeshContext } from './server/mesh-request.ts'
export type { Listener } from './server/request-exchange.ts'
export type { LogLevel } from './settings.ts'
export type { BuiltLayer } from './stack.ts'
