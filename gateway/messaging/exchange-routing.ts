import type { QueueConfig } from '../../config/model.ts'

/** Which queues an exchange hands a message to; the rules of AMQP 0-9-1, for brokers that have no exchanges of their own. */
export interface ExchangeRouting {
  /** Names of the queues, each once; empty: no queue is bound. */
  queuesFor(exchange: string, routingKey: string): readonly string[]
}

interface Exchange {
  readonly everything: string[]
  readonly byKey: Map<string, string[]>
  readonly patterns: { readonly words: readonly string[]; readonly queue: string }[]
}

const none: readonly string[] = []

/** Compiles the bindings of the declared queues; an exchange is what queues name as theirs, with the type that each of them says. */
export function exchangeRouting(queues: readonly QueueConfig[]): ExchangeRouting {
  const exchanges = new Map<string, Exchange>()
  for (const queue of queues) {
    const exchange = exchanges.get(queue.exchange) ?? { everything: [], byKey: new Map<string, string[]>(), patterns: [] }
    exchanges.set(queue.exchange, exchange)
    if (queue.type === 'fanout') exchange.everything.push(queue.name)
    else for (const binding of queue.bindings) bind(exchange, queue, binding)
  }
  return {
    queuesFor(name, routingKey) {
      const exchange = exchanges.get(name)
      if (exchange === undefined) return none
      const exact = exchange.byKey.get(routingKey) ?? none
      if (exchange.patterns.length === 0 && exchange.everything.length === 0) return exact
      const words = routingKey.split('.')
      const matching = exchange.patterns.filter((pattern) => wordsMatch(pattern.words, words)).map((pattern) => pattern.queue)
      return [...new Set([...exchange.everything, ...exact, ...matching])]
    },
  }
}

function bind(exchange: Exchange, queue: QueueConfig, binding: string): void {
  const words = binding.split('.')
  const isPattern = queue.type === 'topic' && words.some((word) => word === '*' || word === '#')
  if (isPattern) exchange.patterns.push({ words, queue: queue.name })
  else exchange.byKey.set(binding, [...new Set([...(exchange.byKey.get(binding) ?? []), queue.name])])
}

/** `*` is exactly one word, `#` any number of them, none included. Takes time in the product of the lengths, whatever the pattern. */
function wordsMatch(pattern: readonly string[], words: readonly string[]): boolean {
  // reached[i]: the pattern so far can have taken the first i words.
  let reached = [true, ...words.map(() => false)]
  for (const part of pattern) {
    const next = reached.map(() => false)
    let any = false
    for (const [index, isReached] of reached.entries()) {
      any ||= isReached
      if (part === '#') next[index] = any
      else if (isReached && index < words.length && (part === '*' || part === words[index])) next[index + 1] = true
    }
    reached = next
  }
  return reached.at(-1) === true
}
