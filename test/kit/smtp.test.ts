import { createTransport } from 'nodemailer'
import { expect, test } from 'vitest'
import { startSmtp } from './smtp.ts'
import type { SmtpOptions } from './smtp.ts'

const mail = { from: 'from@example.com', to: 'to@example.com', subject: 'Hello', text: 'How are you?' }

const sending = async (
  options: SmtpOptions,
  auth?: { readonly user: string; readonly pass: string },
): Promise<{ error: unknown; texts: string[] }> => {
  const server = await startSmtp(options)
  const transport = createTransport({ host: '127.0.0.1', port: server.port, ...(auth === undefined ? {} : { auth: { ...auth } }) })
  try {
    const error: unknown = await transport.sendMail(mail).then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    return { error, texts: server.mails().map(({ from, to, text }) => `${from} > ${to.join()}: ${/^Subject: .*$/m.exec(text)?.[0]}`) }
  } finally {
    transport.close()
    await server.stop()
  }
}

const taken = ['from@example.com > to@example.com: Subject: Hello']

test('keeps the mail that it takes', async () => {
  expect(await sending({})).toEqual({ error: undefined, texts: taken })
})

test('refuses the recipient that the test refuses, with its code', async () => {
  const { error, texts } = await sending({ refuse: () => ({ code: 550, message: 'no such mailbox' }) })
  expect(error).toMatchObject({ responseCode: 550 })
  expect(texts).toEqual([])
})

test('takes a mail and never says so', async () => {
  const { error, texts } = await sending({ loseAnswer: () => true })
  expect(error).toBeInstanceOf(Error)
  expect(error).not.toHaveProperty('responseCode')
  expect(texts).toEqual(taken)
})

test('asks for name and password', async () => {
  const user = { name: 'ada', password: 'right' }
  expect((await sending({ user }, { user: 'ada', pass: 'wrong' })).error).toMatchObject({ responseCode: 535 })
  expect((await sending({ user }, { user: 'ada', pass: 'right' })).texts).toEqual(taken)
})
