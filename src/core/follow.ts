import { type BackoffParams, backoffMs } from './backoff.ts'
import { MeshError } from './errors.ts'
import type { PlaneAnswer, PlaneLink, PlaneRequest } from './plane.ts'
import type { Clock, Random } from './ports.ts'

const BACKOFF: BackoffParams = { base: 250, max: 15_000 }
/** A healthy long poll is over seldom; what is answered at once again and again is asked this often, after a burst. */
const INTERVAL_MS = 1000
const BURST = 2
/**
 * Answers that bring something new do not count, as many as these in a row: a restart is a removal and an addition, and
 * the next instance must not go before both are known.
 */
const NEWS = 10
/** How long an answer may take beyond the wait that was asked for. */
const SLACK_MS = 5000

export interface FollowOptions {
  readonly link: Pick<PlaneLink, 'send' | 'onReachable'>
  readonly clock: Clock
  readonly random: Random
  /** The next poll, asked for anew each time: it says the newest etag and everything wanted by then. */
  readonly request: () => PlaneRequest
  /** A 2xx. Where it throws, the answer is taken for an error: told to `onError`, and asked again after a back-off. */
  readonly onAnswer: (answer: PlaneAnswer) => void
  /** A 304: the plane is there, and nothing has changed. Must not throw. */
  readonly onUnchanged?: (() => void) | undefined
  /** Must not throw. Asking goes on by itself. */
  readonly onError: (error: unknown) => void
}

export interface Following {
  /**
   * Breaks off the wait, or the back-off, and asks at once, because what `request` says has changed. Not counted by
   * the limit of one poll a second, which is there against the other side.
   */
  again(): void
  stop(): void
}

/**
 * Long polls, exactly one outstanding. The first goes out before this returns.
 *
 * asking -> (2xx, 304) pausing -> asking; asking -> (error, hung, refused by `onAnswer`) backing off -> asking.
 * Back-off: full jitter, 250 ms doubling to 15 s, over with the first good answer or when the link says that a plane is
 * back. A poll is given up when it lasts a
 * sixteenth of its wait and 5 s longer than asked for (Consul's blocking queries add that sixteenth as jitter). Polls
 * that end at once are a bucket of two, refilled by one a second, so that no plane can make us spin; ten that bring a
 * new etag go on top. All waits are
 * background work.
 */
export function follow(options: FollowOptions): Following {
  const { link, clock, random } = options
  let stopped = false
  let failures = 0
  /** The last answer was none: the next poll does not wait, so that it is known at once that all is well again. */
  let unsure = false
  let tokens = BURST
  let news = NEWS
  let askedEtag: string | undefined
  let filledMs = clock.now()
  let controller: AbortController | undefined
  let disarm = () => {}

  const pausedMs = (): number => {
    const now = clock.now()
    const earned = (now - filledMs) / INTERVAL_MS
    tokens = Math.min(BURST, tokens + earned)
    news = Math.min(NEWS, news + earned)
    filledMs = now
    return tokens >= 1 ? 0 : (1 - tokens) * INTERVAL_MS
  }

  const next = (delayMs: number): void => {
    // A callback may have stopped us, or asked again by itself.
    if (stopped || controller !== undefined) return
    const waitMs = Math.max(delayMs, pausedMs())
    disarm = clock.background(waitMs, () => {
      pausedMs()
      tokens = Math.max(0, tokens - 1)
      ask()
    })
  }

  const failed = (error: unknown): void => {
    failures += 1
    const delayMs = backoffMs(failures, BACKOFF, random)
    unsure = true
    options.onError(error)
    next(delayMs)
  }

  const answered = (answer: PlaneAnswer): void => {
    try {
      if (answer.status === 304) options.onUnchanged?.()
      else options.onAnswer(answer)
    } catch (error) {
      failed(error)
      return
    }
    failures = 0
    unsure = false
    if (answer.status !== 304 && answer.etag !== undefined && answer.etag !== askedEtag && news >= 1) {
      news -= 1
      tokens = Math.min(BURST, tokens + 1)
    }
    next(0)
  }

  const ask = (): void => {
    const own = new AbortController()
    controller = own
    // A poll that was broken off or given up ends later, or never; what becomes of it is no longer of interest.
    const settle = <T>(end: (value: T) => void) => {
      return (value: T) => {
        if (controller !== own) return
        controller = undefined
        disarm()
        end(value)
      }
    }
    const wanted = options.request()
    askedEtag = wanted.etag
    const request = unsure && wanted.waitMs !== undefined ? { ...wanted, waitMs: 0 } : wanted
    const waitMs = wanted.waitMs ?? 0
    const limitMs = waitMs + waitMs / 16 + SLACK_MS
    const giveUp = settle((error: unknown) => {
      own.abort()
      failed(error)
    })
    disarm = clock.background(limitMs, () => giveUp(hung(request.path, limitMs)))
    link.send(request, own.signal).then(settle(answered), settle(failed))
  }

  const breakOff = (): void => {
    disarm()
    const outstanding = controller
    controller = undefined
    outstanding?.abort()
  }

  const unlisten = link.onReachable?.(() => {
    if (failures === 0 || controller !== undefined) return
    failures = 0
    disarm()
    next(0)
  })
  tokens -= 1
  ask()
  return {
    again: () => {
      if (stopped) return
      breakOff()
      ask()
    },
    stop: () => {
      stopped = true
      unlisten?.()
      breakOff()
    },
  }
}

function hung(path: string, limitMs: number): MeshError {
  return new MeshError('TULLE_PLANE', `no answer to ${path} within ${Math.round(limitMs / 1000)} s`, {
    layer: 'plane',
  })
}
