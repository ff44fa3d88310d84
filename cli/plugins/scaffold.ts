/** What a new plugin is made of, by file name. Its test passes as it stands. */
export const scaffold = (type: string, capability: string, version: string): Readonly<Record<string, string>> => ({
  'package.json': `${JSON.stringify(
    {
      name: `headgate-${type}`,
      version: '0.1.0',
      private: true,
      type: 'module',
      exports: `./${type}.ts`,
      scripts: { test: 'node --test' },
      peerDependencies: { headgate: `>=${version}` },
    },
    undefined,
    2,
  )}\n`,
  [`${type}.ts`]: adapterText(type, capability),
  [`${type}.test.ts`]: testText(type),
  'stand-in.ts': standInText,
  'README.md': readmeText(type),
})

const adapterText = (
  type: string,
  capability: string,
): string => `import { failureOfStatus, interfaceVersion, ProviderFailure, retryAfterOf } from 'headgate/plugin'
import type { Adapter, Json, ProviderAnswer } from 'headgate/plugin'

/** What went wrong, as the gateway has to know it: the kind decides what is done, \`executed\` what may still be done safely. */
const failure = (answer: ProviderAnswer, nowMs: number): ProviderFailure => {
  const { kind, executed } = failureOfStatus(answer.status)
  const retryAfterMs = retryAfterOf(answer.headers, nowMs)
  return new ProviderFailure(kind, \`${type} answered \${answer.status}\`, {
    executed,
    status: answer.status,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })
}

const adapter: Adapter = {
  interface: interfaceVersion,
  type: '${type}',
  capability: '${capability}',
  summary: 'Says what the adapter is for, in one sentence',
  auth: ['bearer'],
  settings: {
    type: 'object',
    additionalProperties: false,
    properties: {
      channel: { type: 'string', default: 'default', description: 'A setting of your own; replace it.' },
    },
  },
  operations: {
    send: {
      summary: 'Sends a text',
      input: {
        type: 'object',
        additionalProperties: false,
        required: ['to', 'text'],
        properties: {
          to: { type: 'string', minLength: 1, description: 'Who gets it.' },
          text: { type: 'string', minLength: 1, description: 'What it says.' },
        },
      },
      output: { type: 'object', required: ['id'], properties: { id: { type: 'string' } } },
      // The provider takes an idempotency key, and doing it twice would do harm.
      idempotency: 'key',
      duplicates: 'harmful',
    },
  },
  create({ http, settings, now }) {
    return {
      operations: {
        send: {
          async run({ input, key, signal }) {
            const answer = await http.request({
              method: 'POST',
              path: '/messages',
              headers: { 'Idempotency-Key': key },
              json: { ...(input as { readonly [name: string]: Json }), channel: settings['channel'] ?? null },
              signal,
            })
            if (answer.status !== 201) throw failure(answer, now())
            return answer.json()
          },
        },
      },
      async probe({ signal }) {
        const answer = await http.request({ method: 'GET', path: '/health', signal })
        if (answer.status !== 200) throw failure(answer, now())
      },
    }
  },
}

export default adapter
`

const testText = (type: string): string => `import { describeAdapter } from 'headgate/testing'
import adapter from './${type}.ts'
import { standIn } from './stand-in.ts'

// Every operation needs an example that works; the suite makes the failures.
describeAdapter(adapter, {
  start: standIn,
  auth: { type: 'bearer', token: '\${secret:${type}#token}' },
  secrets: { '${type}#token': 'a-token-that-nobody-may-see' },
  examples: { send: { to: 'ada', text: 'Hello' } },
})
`

const standInText = `import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Stands in for the provider: does a message once for each idempotency key, as the real one promises. */
export const standIn = async (): Promise<{ baseUrl: string; close(): Promise<void> }> => {
  const messages = new Map<string, { id: string }>()
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (piece: Buffer) => {
      body += piece.toString('utf8')
    })
    request.on('end', () => {
      if (request.headers.authorization !== 'Bearer a-token-that-nobody-may-see') return response.writeHead(401).end('{}')
      if (request.method === 'GET') return response.end('{}')
      const key = String(request.headers['idempotency-key'])
      const { to } = JSON.parse(body) as { to?: string }
      if (to === undefined) return response.writeHead(400).end('{}')
      const message = messages.get(key) ?? { id: \`message-\${messages.size + 1}\` }
      messages.set(key, message)
      return response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify(message))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    baseUrl: \`http://127.0.0.1:\${(server.address() as AddressInfo).port}\`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
`

const readmeText = (type: string): string => `# ${type}

An adapter for Headgate.

\`\`\`sh
npm install --save-dev headgate
npm test
\`\`\`

In a configuration beside this folder:

\`\`\`yaml
plugins: [./${type}]
integrations:
  ${type.replaceAll('-', '_')}:
    plugin: ${type}
    base_url: https://api.example.com
    auth: { type: bearer, token: "\${secret:${type.replaceAll('-', '_')}#token}" }
secrets:
  ${type.replaceAll('-', '_')}: { path: /prod/${type} }
\`\`\`

\`headgate validate\` checks it, \`headgate plugins show ${type} -c gateway.yaml\` describes it.
`
