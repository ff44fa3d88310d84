import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { misbehave, shownAt, startStory } from '../../test/kit/story.ts'
import type { Story, Told } from '../../test/kit/story.ts'
import { until } from '../../test/kit/until.ts'
import { jsonServer } from '../services/json-server.ts'
import type { JsonServer } from '../services/json-server.ts'
import { mailProvider } from '../services/mail-provider.ts'
import { userService } from '../services/user-service.ts'

let nowMs = Date.now()
let users: JsonServer
let mails: JsonServer
let story: Story

beforeAll(async () => {
  users = await jsonServer('user-service', userService({ now: () => nowMs }), 0)
  mails = await jsonServer('mail-provider', mailProvider(), 0)
  story = await startStory('password-reset', [
    { variable: 'USER_SERVICE_PORT', port: users.port },
    { variable: 'MAIL_PROVIDER_PORT', port: mails.port },
  ])
})
afterAll(async () => {
  await story.close()
  await Promise.all([users.close(), mails.close()])
})

const reset = (email: string, headers: Record<string, string> = {}): Promise<Told> => story.ask('/api/password-resets', { email }, headers)
const mailsTo = async (email: string): Promise<readonly string[]> =>
  ((await shownAt(mails.port, '/mails')) as { to: string; text: string }[]).flatMap(({ to, text }) => (to === email ? [text] : []))
const tokenFor = async (email: string): Promise<string | undefined> => /Your token is ([\w-]+)/.exec((await mailsTo(email)).at(-1) ?? '')?.[1]
const change = async (token: string | undefined): Promise<number> => (await story.ask('/api/passwords', { token, password: 'correct horse' })).status
const tokens = (): Promise<unknown> => shownAt(users.port, '/password-tokens')

describe('password reset', () => {
  test('sends a mail with a token that is valid, once', async () => {
    expect(await reset('ada@example.com')).toMatchObject({ status: 202, body: { message: 'We have sent you a mail' } })
    const token = await tokenFor('ada@example.com')
    expect([await change(token), await change(token)]).toEqual([200, 410])
  })

  test('sends a token that does not count for ever', async () => {
    await reset('grace@example.com')
    const token = await tokenFor('grace@example.com')
    nowMs += 15 * 60_000
    expect(await change(token)).toBe(410)
  })

  test('answers strangers as it answers everybody, and sends them no token', async () => {
    const [known, stranger] = [await reset('ada@example.com'), await reset('nobody@example.com')]
    expect([stranger.status, stranger.body]).toEqual([known.status, known.body])
    expect(await mailsTo('nobody@example.com')).toMatchObject([expect.stringContaining('nobody with this address')])
    expect(await tokenFor('nobody@example.com')).toBeUndefined()
  })

  test('tells the token to nobody but the mail', async () => {
    const answer = await reset('ada@example.com', { prefer: 'respond-async' })
    const location = answer.headers.get('location') ?? ''
    const status = await story.ask(location, undefined, { prefer: 'wait=10' })
    expect(status.body).toMatchObject({ status: 'completed' })
    const token = (await tokenFor('ada@example.com')) ?? ''
    expect(token.length).toBeGreaterThan(20)
    for (const text of [answer.body, status.body].map((body) => JSON.stringify(body))) expect(text).not.toContain(token)
    expect(story.gateway.err() + story.gateway.out()).not.toContain(token)
    expect(await change(token)).toBe(200)
  })

  test('takes the token back when no mail can be sent', async () => {
    await story.close()
    story = await startStory(
      'password-reset',
      [
        { variable: 'USER_SERVICE_PORT', port: users.port },
        { variable: 'MAIL_PROVIDER_PORT', port: mails.port },
      ],
      'flows: { password_reset: { deadline: 1s } }',
    )
    const before = await tokens()
    await misbehave(mails.port, 'fail')
    const answer = await reset('douglas@example.com', { prefer: 'respond-async' })
    await until('the token is made', async () => JSON.stringify(await tokens()) !== JSON.stringify(before))
    const status = await story.ask(answer.headers.get('location') ?? '', undefined, { prefer: 'wait=20' })
    await misbehave(mails.port, 'ok')
    expect(status.body).toMatchObject({ status: 'compensated', steps: [{ name: 'token', status: 'undone' }, { name: 'mail' }] })
    expect(await tokens()).toEqual(before)
    expect(await mailsTo('douglas@example.com')).toEqual([])
  }, 30_000)
})
