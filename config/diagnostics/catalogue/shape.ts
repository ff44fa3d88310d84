import type { CatalogueEntry } from './entry.ts'

const right = `routing_rules:
  - path: /hello
    respond: { body: hello }
`

/** HG1xxx: what stands in the file is not YAML, or not a configuration. */
export const shape = {
  HG1001: {
    severity: 'error',
    title: 'invalid YAML',
    explanation: 'The text is not YAML 1.2. Only errors of syntax are reported for such a file; the rest is checked once it can be read.',
    wrong: `routing_rules:
  - path: /hello
    respond: { body: "hello }
`,
    right,
  },
  HG1002: {
    severity: 'error',
    title: 'duplicate key',
    explanation: 'A key stands in one map twice, so one of the two values would be lost. Remove or rename one.',
    wrong: `routing_rules:
  - path: /hello
    path: /hallo
    respond: { body: hello }
`,
    right,
  },
  HG1003: {
    severity: 'error',
    title: 'unknown key',
    explanation: 'The key is not part of the configuration language at this place. A misspelt key would otherwise silently do nothing.',
    wrong: `routing_rules:
  - path: /hello
    respnd: { body: hello }
`,
    right,
  },
  HG1004: {
    severity: 'error',
    title: 'wrong type',
    explanation:
      'A map, list, text, number or truth value stands where another kind of value is expected. YAML 1.2 reads `yes`, `no`, `on` and `off` as texts and `3.10` as a number: write `true` or `false`, and put texts that look like numbers in quotes.',
    wrong: `routing_rules:
  path: /hello
  respond: { body: hello }
`,
    right,
  },
  HG1005: {
    severity: 'error',
    title: 'missing key',
    explanation: 'A key that is always needed at this place is not there.',
    wrong: `routing_rules:
  - respond: { body: hello }
`,
    right,
  },
  HG1006: {
    severity: 'error',
    title: 'not UTF-8 text',
    explanation:
      'Configuration files are UTF-8 (a byte order mark is allowed). Save the file as UTF-8. A NUL character is a sign of a file that was only half written.',
    wrong: `routing_rules:
  - path: /hello
    respond: { body: "\0" }
`,
    right,
  },
  HG1007: {
    severity: 'error',
    title: 'empty file',
    explanation: 'The file holds no sections. An empty file is more often an accident than a configuration, so it is refused.',
    wrong: '# nothing here yet\n',
    right,
  },
  HG1008: {
    severity: 'error',
    title: 'several documents',
    explanation: 'Only one YAML document is read from a file. Put each into a file of its own and name the folder.',
    wrong: `routing_rules:
  - path: /hello
    respond: { body: hello }
---
services: {}
`,
    right,
  },
  HG1009: {
    severity: 'error',
    title: 'aliases expand too far',
    explanation:
      'Aliases of aliases grow exponentially. A file whose aliases stand for more than 100,000 values is refused before anything is expanded.',
    wrong: `x-a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]
x-b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]
x-c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]
x-d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]
x-e: [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]
`,
    right: `x-a: &a { body: hello }
routing_rules:
  - path: /hello
    respond: *a
`,
  },
  HG1010: {
    severity: 'error',
    title: 'unknown alias',
    explanation:
      'An alias `*name` needs an anchor `&name` that stands before it in the same file and does not contain it. Put texts that begin with `*` in quotes.',
    wrong: `routing_rules:
  - path: /hello
    respond: *greeting
`,
    right: `x-greeting: &greeting { body: hello }
routing_rules:
  - path: /hello
    respond: *greeting
`,
  },
  HG1011: {
    severity: 'error',
    title: 'unknown tag',
    explanation: 'YAML tags such as `!secret` or `!include` have no meaning in this language. Put texts that begin with `!` in quotes.',
    wrong: `routing_rules:
  - path: /hello
    respond: { body: !include hello.txt }
`,
    right,
  },
  HG1012: {
    severity: 'error',
    title: 'nested too deep',
    explanation: 'Maps and lists are nested deeper than 64 levels, which no configuration needs.',
    wrong: `x-deep: ${'['.repeat(70)}${']'.repeat(70)}\n`,
    right,
  },
  HG1013: {
    severity: 'error',
    title: 'key is no name',
    explanation:
      'Keys are plain names. Lists, maps and empty keys cannot be names, and `__proto__` is refused because programs that read JSON stumble over it.',
    wrong: `services:
  __proto__: { urls: ["http://127.0.0.1:9101"] }
`,
    right: `routing_rules:
  - path: /hello
    service: proto
services:
  proto: { urls: ["http://127.0.0.1:9101"] }
`,
  },
  HG1014: {
    severity: 'error',
    title: 'file too large',
    explanation: 'A configuration file may have 16 MiB. Split larger ones into a folder of files.',
    wrong: '',
    right,
  },
  HG1015: {
    severity: 'error',
    title: 'section in two files',
    explanation:
      'The files of one folder are put together by their top-level keys, so each key may stand in one file only. To override values, name a second `-c`.',
    wrong: '',
    right,
  },
  HG1016: {
    severity: 'error',
    title: 'invalid merge',
    explanation: 'The merge key `<<` takes a map, an alias of one, or a list of such.',
    wrong: `routing_rules:
  - path: /hello
    <<: hello
    respond: { body: hello }
`,
    right: `x-plain: &plain { headers: { content-language: en } }
routing_rules:
  - path: /hello
    respond: { <<: *plain, body: hello }
`,
  },
  HG1017: {
    severity: 'error',
    title: 'invalid reference',
    explanation: 'References are `${env:NAME}` and `${env:NAME:-default}`. To write a literal `${`, write `$${`.',
    wrong: `routing_rules:
  - path: /hello
    respond: { body: "\${HOME}" }
`,
    right: `routing_rules:
  - path: /hello
    respond: { body: "\${env:GREETING:-hello}" }
`,
  },
  HG1018: {
    severity: 'error',
    title: 'environment variable not set',
    explanation: 'A referenced environment variable does not exist. Set it, or give a default with `${env:NAME:-default}`.',
    wrong: `routing_rules:
  - path: /hello
    respond: { body: "\${env:GREETING_THAT_IS_NOT_SET}" }
`,
    right: `routing_rules:
  - path: /hello
    respond: { body: "\${env:GREETING_THAT_IS_NOT_SET:-hello}" }
`,
  },
  HG1019: {
    severity: 'error',
    title: 'secret cannot be resolved',
    explanation:
      'A reference to a secret stands where none is resolved, or a text only looks like one. `${secret:NAME#FIELD}` may stand in `auth` and `settings` of integrations, in `url` and `headers` of alerts, and where `state`, brokers and `messaging.store` take users and passwords. Settings take one where the adapter marks them as secret. A literal `${secret:` cannot stand there.',
    wrong: `secrets:
  database: { path: /prod/database/credentials }
routing_rules:
  - path: /hello
    respond: { body: "\${secret:database#password}" }
`,
    right,
  },
} as const satisfies Record<string, CatalogueEntry>
