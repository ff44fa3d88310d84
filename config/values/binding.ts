/**
 * Whether a routing key fits a binding of a topic exchange: `*` stands for exactly one word, `#` for any number of words.
 * Source: AMQP 0-9-1, 3.1.3.3 "The Topic Exchange Type".
 */
export const bindingMatches = (binding: string, routingKey: string): boolean => {
  const words = routingKey.split('.')
  // Which word may come next, for each way in which the words of the binding so far can have been used.
  let reached = new Set([0])
  for (const part of binding.split('.')) {
    const next = new Set<number>()
    for (const at of reached) {
      if (part === '#') for (let end = at; end <= words.length; end += 1) next.add(end)
      else if (at < words.length && (part === '*' || part === words[at])) next.add(at + 1)
    }
    reached = next
  }
  return reached.has(words.length)
}
