import type { CatalogueEntry } from './entry.ts'

/** HG4xxx: the configuration works, but probably not as meant. */
export const warnings = {
  HG4001: {
    severity: 'warning',
    title: 'not active in this version',
    explanation: 'The section is part of the language and is checked, but this version does not run it yet.',
    wrong: `health_checks:
  external_apis: [{ url: "https://api.example.com/health" }]
routing_rules:
  - path: /hello
    respond: { body: hello }
`,
    right: `routing_rules:
  - path: /hello
    respond: { body: hello }
`,
  },
  HG4002: {
    severity: 'warning',
    title: 'unused service',
    explanation: 'No rule, split, mirror, consumer or subscriber sends anything to the service.',
    wrong: `routing_rules:
  - path: /hello
    respond: { body: hello }
services:
  web: { urls: ["http://127.0.0.1:9101"] }
`,
    right: `routing_rules:
  - path: /hello
    service: web
services:
  web: { urls: ["http://127.0.0.1:9101"] }
`,
  },
  HG4003: {
    severity: 'warning',
    title: 'rule can never match',
    explanation: 'No request can match the rule, because other rules or the way requests are read always come first.',
    wrong: `routing_rules:
  - path: /hello
    headers: { x-tenant: " one" }
    respond: { body: hello }
`,
    right: `routing_rules:
  - path: /hello
    headers: { x-tenant: one }
    respond: { body: hello }
`,
  },
  HG4004: {
    severity: 'warning',
    title: 'timeout can never fire',
    explanation:
      'The deadline of the whole call is shorter than the timeout of one attempt, so the deadline always comes first and nothing is ever retried after a timeout.',
    wrong: `routing_rules:
  - path: /hello
    service: web
    timeout: 10s
    deadline: 5s
services:
  web: { urls: ["http://127.0.0.1:9101"] }
`,
    right: `routing_rules:
  - path: /hello
    service: web
    timeout: 2s
    deadline: 5s
services:
  web: { urls: ["http://127.0.0.1:9101"] }
`,
  },
  HG4005: {
    severity: 'warning',
    title: 'retries never apply',
    explanation:
      'Only idempotent methods are retried (RFC 9110). A rule for POST and PATCH alone retries only requests that carry the header named by `idempotency_key`.',
    wrong: `routing_rules:
  - path: /hello
    service: web
    methods: [POST]
    retries: 2
services:
  web: { urls: ["http://127.0.0.1:9101"] }
`,
    right: `routing_rules:
  - path: /hello
    service: web
    methods: [POST]
    retries: 2
    idempotency_key: idempotency-key
services:
  web: { urls: ["http://127.0.0.1:9101"] }
`,
  },
  HG4006: {
    severity: 'warning',
    title: 'setting without effect',
    explanation: 'The key has nothing to act on here.',
    wrong: `routing_rules:
  - path: /hello
    timeout: 5s
    respond: { body: hello }
`,
    right: `routing_rules:
  - path: /hello
    respond: { body: hello }
`,
  },
  HG4007: {
    severity: 'warning',
    title: 'no routes',
    explanation: 'There are no `routing_rules`, so every request is answered with 404.',
    wrong: `services: {}
`,
    right: `routing_rules:
  - path: /hello
    respond: { body: hello }
`,
  },
} as const satisfies Record<string, CatalogueEntry>
