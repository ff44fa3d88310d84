import type { MessagingOperations } from './backend.ts'
import { didYouMean } from './did-you-mean.ts'
import type { Endpoint } from './endpoint.ts'
import { json, problemAnswer } from './respond.ts'

export const consumerEndpoints = (messaging: () => MessagingOperations): readonly Endpoint[] => [
  {
    method: 'GET',
    path: '/-/consumers',
    summary: 'consumers: state, in flight, settled',
    answer: async () => json({ consumers: await messaging().consumers() }),
  },
  {
    method: 'POST',
    path: '/-/consumers/{name}/pause',
    summary: 'takes no new deliveries until it is resumed',
    answer: ({ parameters }) => switched(messaging(), parameters['name'] ?? '', true),
  },
  {
    method: 'POST',
    path: '/-/consumers/{name}/resume',
    summary: 'takes deliveries again',
    answer: ({ parameters }) => switched(messaging(), parameters['name'] ?? '', false),
  },
]

const switched = async (messaging: MessagingOperations, name: string, paused: boolean): ReturnType<Endpoint['answer']> => {
  if (await (paused ? messaging.pause(name) : messaging.resume(name))) return json({ consumer: name, paused })
  const names = (await messaging.consumers()).map((consumer) => consumer.name)
  return problemAnswer(404, `There is no such consumer.${didYouMean(name, names)}`, { consumers: names })
}
