import { Registry } from 'prom-client'
import { problemTypeBase } from '../observe/problem.ts'
import type { AdminBackend, ReloadResult } from './backend.ts'
import { consumerEndpoints } from './consumers.ts'
import { deadLetterEndpoints } from './dead-letters/endpoints.ts'
import type { Endpoint } from './endpoint.ts'
import { flowEndpoints } from './flows.ts'
import { intentEndpoints } from './intents.ts'
import { json, problemAnswer, text } from './respond.ts'
import type { Answer } from './respond.ts'

/** What can be asked, in the order of the index. */
export const endpoints = (backend: AdminBackend): readonly Endpoint[] => [
  { method: 'GET', path: '/livez', summary: 'whether the process lives', answer: async () => text('ok\n') },
  { method: 'GET', path: '/readyz', summary: 'whether it takes requests', answer: async () => readiness(backend) },
  {
    method: 'GET',
    path: '/metrics',
    summary: 'Prometheus metrics',
    answer: async () => ({ status: 200, type: Registry.PROMETHEUS_CONTENT_TYPE, body: await backend.metrics() }),
  },
  {
    method: 'GET',
    path: '/status',
    summary: 'generation, configuration, routes, services, breakers, brokers, queues, consumers',
    answer: async () => json(await backend.status()),
  },
  { method: 'POST', path: '/-/reload', summary: 'loads the configuration again', answer: async () => reloaded(await backend.reload()) },
  ...consumerEndpoints(() => backend.messaging),
  ...deadLetterEndpoints(() => backend.messaging),
  ...(backend.flows === undefined ? [] : flowEndpoints(backend.flows)),
  ...(backend.intents === undefined ? [] : intentEndpoints(backend.intents)),
]

const readiness = (backend: AdminBackend): Answer => {
  const state = backend.ready()
  return json(state, state.ready ? 200 : 503)
}

const reloaded = (result: ReloadResult): Answer => {
  if (result.ok) return json(result)
  const { generation, hash, error, diagnostics = [] } = result
  return problemAnswer(422, 'Nothing was changed: the configuration that served before still serves.', {
    type: `${problemTypeBase}config-rejected`,
    title: 'The new configuration was not accepted',
    generation,
    hash,
    ...(error === undefined ? {} : { error }),
    diagnostics,
  })
}
