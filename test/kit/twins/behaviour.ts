/** What one server of a pair of twins does with every call. Both protocols obey the same words. */
export type Conduct =
  | 'answers'
  | 'is unavailable'
  | 'fails inside'
  | 'is overloaded'
  | 'says its own deadline passed'
  | 'asks for no retry'
  | 'never answers'

/** The two ways to say the same: HTTP's status and gRPC's code. */
export const WORDS: Readonly<
  Record<Exclude<Conduct, 'never answers'>, { readonly http: number; readonly grpc: number }>
> = {
  answers: { http: 200, grpc: 0 },
  'is unavailable': { http: 503, grpc: 14 },
  'fails inside': { http: 500, grpc: 13 },
  'is overloaded': { http: 429, grpc: 8 },
  'says its own deadline passed': { http: 504, grpc: 4 },
  'asks for no retry': { http: 503, grpc: 14 },
}

/** A server of one protocol on a port that stays its own. */
export interface Twin {
  readonly port: number
  conduct: Conduct
  /** Calls it was asked since the last look. */
  asked: number
  /** Closes the port and cuts what is open: from now on connections are refused. */
  stop(): Promise<void>
  /** Listens on the same port again. */
  start(): Promise<void>
}
