import type { Meter, Observable } from '@opentelemetry/api'

/** The mesh's own observable instruments, made once per meter. */
export class Observables {
  readonly known: Observable
  readonly available: Observable
  readonly breaker: Observable
  readonly retries: Observable
  readonly refused: Observable
  readonly ejections: Observable
  readonly attempts: Observable
  readonly plaintext: Observable
  readonly connectionsRefused: Observable

  constructor(meter: Meter) {
    const gauge = (name: string, description: string): Observable =>
      meter.createObservableGauge(name, { description })
    const counter = (name: string, description: string): Observable =>
      meter.createObservableCounter(name, { description })
    this.known = gauge('tulle.endpoints.known', 'Endpoints discovery knows of a service.')
    this.available = gauge(
      'tulle.endpoints.available',
      'Endpoints the balancer may pick: known and not ejected.',
    )
    this.breaker = gauge('tulle.breaker.state', '0 closed, 1 half-open, 2 open.')
    this.retries = counter('tulle.retries', 'Attempts after the first.')
    this.refused = counter('tulle.retries.refused', 'Retries that were wanted and not made, by reason.')
    this.ejections = counter('tulle.ejections', 'Times an endpoint was taken out of the balancer.')
    this.attempts = counter('tulle.client.attempts', 'Attempts by endpoint and outcome.')
    this.plaintext = counter(
      'tulle.server.plaintext_requests',
      'Requests that came in plaintext where mutual TLS is spoken as well, by address.',
    )
    this.connectionsRefused = counter(
      'tulle.server.connections_refused',
      'Connections that were refused before any request, by reason.',
    )
  }

  get all(): Observable[] {
    const { known, available, breaker, retries, refused, ejections, attempts } = this
    const { plaintext, connectionsRefused } = this
    return [known, available, breaker, retries, refused, ejections, attempts, plaintext, connectionsRefused]
  }
}
