import { expect, test } from 'vitest'
import { headgate } from '../../test/support/headgate.ts'

const show = async (...words: readonly string[]): Promise<string> => (await headgate(['plugins', 'show', ...words], { cwd: '/' })).out

test.each([
  ['oidc', /token_url +\/token\n/],
  ['oidc', /\nuserinfo\n[^\n]*\n[^\n]*\n +can be answered without the provider: `then: use_local_session`\n +passes credentials: /],
  ['sendgrid', /\nsend_bulk\n[^\n]*\n[^\n]*\n +up to 1000 in one call\n +`then: use_default_template` replaces `template`\n/],
])('all that a configuration may rely on is shown of %s: %s', async (type, text) => {
  expect(await show(type)).toMatch(text)
})

test('the address for tokens stands in the JSON too', async () => {
  expect(JSON.parse(await show('oidc', '--format', 'json'))).toMatchObject({ token_url: '/token' })
})
