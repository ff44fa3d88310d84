import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { misbehave, shownAt, startStory } from '../../test/kit/story.ts'
import type { Story, Told } from '../../test/kit/story.ts'
import { until } from '../../test/kit/until.ts'
import { jsonServer } from '../services/json-server.ts'
import type { JsonServer } from '../services/json-server.ts'
import { mailProvider } from '../services/mail-provider.ts'
import { userService } from '../services/user-service.ts'

let users: JsonServer
let mails: JsonServer
let story: Story

const start = (layer?: string): Promise<Story> =>
  startStory(
    'user-registration',
    [
      { variable: 'USER_SERVICE_PORT', port: users.port },
      { variable: 'MAIL_PROVIDER_PORT', port: mails.port },
    ],
    layer,
  )

beforeAll(async () => {
  users = await jsonServer('user-service', userService(), 0)
  mails = await jsonServer('mail-provider', mailProvider(), 0)
  story = await start()
})
afterAll(async () => {
  await story.close()
  await Promise.all([users.close(), mails.close()])
})

const register = (email: string, headers: Record<string, string> = {}): Promise<Told> =>
  story.ask('/api/registrations', { email, name: 'Ada' }, { 'idempotency-key': `form-${email}`, ...headers })

const isUser = async (email: string): Promise<boolean> => JSON.stringify(await shownAt(users.port, '/api/users')).includes(email)
const mailsTo = async (email: string): Promise<readonly unknown[]> =>
  ((await shownAt(mails.port, '/mails')) as { to: string }[]).filter(({ to }) => to === email)

describe('user registration', () => {
  test('creates the user and sends a mail', async () => {
    const answer = await register('ada.new@example.com')
    expect(answer.status).toBe(201)
    expect(await story.ask(answer.headers.get('location') ?? '')).toMatchObject({ status: 200, body: { email: 'ada.new@example.com' } })
    expect(await mailsTo('ada.new@example.com')).toMatchObject([{ subject: 'Welcome', text: 'Hello Ada, good to have you here.' }])
  })

  test('is one registration, whoever sends the form twice', async () => {
    const [first, second] = [await register('twice@example.com'), await register('twice@example.com')]
    expect([first.status, second.status, second.headers.get('idempotent-replayed')]).toEqual([201, 201, 'true'])
    expect(second.body).toEqual(first.body)
    expect(await mailsTo('twice@example.com')).toHaveLength(1)
  })

  test('gives an address to one user only, and sends no mail to the second', async () => {
    const answer = await story.ask('/api/registrations', { email: 'grace@example.com' }, { 'idempotency-key': 'other' })
    expect(answer).toMatchObject({ status: 422, body: { code: 'FLOW_COMPENSATED', failure: 'rejected' } })
    expect(await mailsTo('grace@example.com')).toEqual([])
  })

  test('deletes the user when the provider of mails refuses the address', async () => {
    const answer = await register('eve@blocked.example')
    expect(answer).toMatchObject({ status: 422, body: { code: 'FLOW_COMPENSATED', failure: 'blocked_domain' } })
    expect(await isUser('eve@blocked.example')).toBe(false)
    const { status_url: status } = answer.body as { status_url: string }
    expect((await story.ask(status)).body).toMatchObject({
      status: 'compensated',
      steps: [
        { name: 'user', status: 'undone' },
        { name: 'mail', status: 'failed' },
      ],
    })
    expect(story.gateway.err()).toContain('"alert":"flow.user_registration/compensated"')
  })

  test('waits for a provider of mails that is away for a while, and completes by itself', async () => {
    await misbehave(mails.port, 'fail')
    const answer = await register('later@example.com', { prefer: 'respond-async', 'accept-language': 'de' })
    expect(answer).toMatchObject({ status: 202, body: { message: 'Wir legen Ihr Konto an...' } })
    await until('the mail was tried', async () =>
      JSON.stringify((await story.ask(answer.headers.get('location') ?? '')).body).includes('service_down'),
    )
    expect(await isUser('later@example.com')).toBe(true)
    await misbehave(mails.port, 'ok')
    const status = await story.ask(answer.headers.get('location') ?? '', undefined, { prefer: 'wait=20' })
    expect(status.body).toMatchObject({ status: 'completed' })
    expect(await mailsTo('later@example.com')).toHaveLength(1)
  }, 30_000)

  test('deletes the user when the provider stays away for longer than is declared', async () => {
    await story.close()
    story = await start('flows: { user_registration: { deadline: 1s } }')
    await misbehave(mails.port, 'fail')
    const answer = await register('never@example.com')
    await misbehave(mails.port, 'ok')
    expect(answer).toMatchObject({ status: 502, body: { code: 'FLOW_COMPENSATED' } })
    expect(await isUser('never@example.com')).toBe(false)
    expect(await mailsTo('never@example.com')).toEqual([])
  }, 30_000)
})
