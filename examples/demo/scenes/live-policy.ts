import { curtain, nobodyNoticed, type Scene } from '../stage.ts'
import { milliseconds } from '../ui/units.ts'
import { check, pause, until } from '../wait.ts'
import { Quotes } from './quotes.ts'

const WRONG = 'timeout: 150ms'
const RIGHT = 'timeout: 2s'

export const livePolicy: Scene = {
  name: 'policy',
  headline: 'A policy change takes effect live',
  async play(stage) {
    const quotes = new Quotes(stage.cluster.url)
    try {
      stage.say(`a quote takes 400 ms, but the policy of its route says ${WRONG}`)
      await until('quotes cut off by the policy', 3000, () => quotes.cut >= 5)
      check(quotes.ok === 0, `${quotes.ok} quotes came although the policy gives them too little time`)
      check(/TULLE_(DEADLINE|TOO_LATE)/.test(quotes.lastProblem), `a quote failed with ${quotes.lastProblem}`)
      stage.say(`orders.yaml now says ${RIGHT}; no process is restarted`)
      await stage.policy.edit('orders.yaml', WRONG, RIGHT)
      const liveMs = await until('the first quote under the new policy', 3000, () => quotes.ok > 0)
      // The quote itself takes 400 ms of it.
      check(liveMs < 1500, `the change took ${milliseconds(liveMs)}`)
      const { cut } = quotes
      await pause(800)
      check(quotes.cut === cut, `${quotes.cut - cut} quotes were still cut off under the new policy`)
      await quotes.stop()
      nobodyNoticed(await curtain(stage))
      return `${cut} quotes cut at 150 ms; ${milliseconds(liveMs)} after the edit the first came, then all`
    } finally {
      await quotes.stop()
    }
  },
}
