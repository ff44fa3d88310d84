import type { RouteConfig } from '../../config/model.ts'
import type { Metrics } from '../observe/metrics.ts'
import { answerShort } from './client-answer.ts'
import { cors } from './cors.ts'
import { headerEditor } from './header-edits.ts'
import { pathTemplate } from './path-rewrite.ts'
import type { Exchange } from './exchange.ts'
import type { Route } from './route.ts'

/** A rule that is answered here: `respond` or `redirect`. */
export function fixedRoute(config: RouteConfig, metrics: Metrics): Route {
  const rules = config.cors === undefined ? undefined : cors(config.cors)
  const edit = headerEditor(config.responseHeaders)
  const answer = fixedAnswer(config)
  const requests = metrics.requests(config.name)
  return {
    config,
    handle: (exchange) => {
      const { req } = exchange
      const preflight = rules?.preflight(exchange.method, req.headers)
      if (preflight !== undefined) {
        answerShort(exchange, 204, preflight, '')
        return Promise.resolve()
      }
      const { status, headers, body } = answer(exchange)
      const all = rules === undefined ? headers : [...headers, ...rules.headers(req.headers.origin)]
      answerShort(exchange, status, edit === undefined ? all : edit(all), body)
      return Promise.resolve()
    },
    finished: (exchange, status) => requests.count(exchange.method, status),
  }
}

interface FixedAnswer {
  readonly status: number
  readonly headers: string[]
  readonly body: string
}

function fixedAnswer(config: RouteConfig): (exchange: Exchange) => FixedAnswer {
  const { target } = config
  if (target.type === 'respond') {
    const headers = target.headers.flat()
    return () => ({ status: target.status, headers, body: target.body })
  }
  if (target.type !== 'redirect') throw new TypeError(`${config.origin}: not a fixed answer`)
  const fill = pathTemplate(target.to, config.match)
  const keepsQuery = !target.to.includes('?')
  return (exchange) => {
    const location = fill(exchange.path) + (keepsQuery ? exchange.query : '')
    return { status: target.status, headers: ['location', location], body: '' }
  }
}
