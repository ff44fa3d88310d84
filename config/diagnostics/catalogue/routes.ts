import type { CatalogueEntry } from './entry.ts'

/** HG3xxx: names that lead nowhere, and rules that contradict each other. */
export const routes = {
  HG3001: {
    severity: 'error',
    title: 'unknown service',
    explanation: 'A rule, check, consumer or subscriber names a service that is not declared under `services`.',
    wrong: `routing_rules:
  - path: /hello
    service: wbe
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
  HG3002: {
    severity: 'error',
    title: 'rule without a target',
    explanation: 'Every rule says where requests go: `service`, `split`, `queue`, `events`, `respond` or `redirect`.',
    wrong: `routing_rules:
  - path: /hello
    timeout: 5s
`,
    right: `routing_rules:
  - path: /hello
    respond: { body: hello }
`,
  },
  HG3003: {
    severity: 'error',
    title: 'rule with several targets',
    explanation: 'A rule has exactly one target.',
    wrong: `routing_rules:
  - path: /hello
    service: web
    redirect: { to: /world }
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
  HG3004: {
    severity: 'error',
    title: 'target is not active in this version',
    explanation: 'No longer given: every target of the language can be run.',
    wrong: '',
    right: `routing_rules:
  - path: /hello
    respond: { body: hello }
`,
  },
  HG3005: {
    severity: 'error',
    title: 'duplicate route',
    explanation: 'Two rules match exactly the same requests, so one of them would never be used.',
    wrong: `routing_rules:
  - path: /hello
    respond: { body: hello }
  - path: /hello
    respond: { body: hallo }
`,
    right: `routing_rules:
  - path: /hello
    respond: { body: hello }
  - path: /hallo
    respond: { body: hallo }
`,
  },
  HG3006: {
    severity: 'error',
    title: 'routes tie',
    explanation:
      'Some requests match both rules and neither is more specific. The more specific path wins, then the more specific host, then a rule with methods, then more headers, then more query parameters. GET includes HEAD.',
    wrong: `routing_rules:
  - path: /hello
    methods: [GET, PUT]
    respond: { body: hello }
  - path: /hello
    methods: [PUT, POST]
    respond: { body: hallo }
`,
    right: `routing_rules:
  - path: /hello
    methods: [GET]
    respond: { body: hello }
  - path: /hello
    methods: [PUT, POST]
    respond: { body: hallo }
`,
  },
  HG3007: {
    severity: 'error',
    title: 'prefix is not in the path',
    explanation: '`strip_prefix` takes away whole segments from the beginning, so the path of the rule must begin with it.',
    wrong: `routing_rules:
  - path: /hello/*
    service: web
    strip_prefix: /world
services:
  web: { urls: ["http://127.0.0.1:9101"] }
`,
    right: `routing_rules:
  - path: /hello/*
    service: web
    strip_prefix: /hello
services:
  web: { urls: ["http://127.0.0.1:9101"] }
`,
  },
  HG3008: {
    severity: 'error',
    title: 'unknown parameter',
    explanation: 'A template uses a `{parameter}` that the path of the rule does not have. `{rest}` is there when the path ends in `/*`.',
    wrong: `routing_rules:
  - path: /users/{id}
    service: web
    rewrite: /users/{name}
services:
  web: { urls: ["http://127.0.0.1:9101"] }
`,
    right: `routing_rules:
  - path: /users/{id}
    service: web
    rewrite: /users/{id}
services:
  web: { urls: ["http://127.0.0.1:9101"] }
`,
  },
  HG3009: {
    severity: 'error',
    title: 'service without an address',
    explanation: 'A service needs `urls` or `dns`. `consul` alone is not enough, because it is not active in this version.',
    wrong: `routing_rules:
  - path: /hello
    service: web
services:
  web: { consul: prod/services/web }
`,
    right: `routing_rules:
  - path: /hello
    service: web
services:
  web: { dns: web.internal, consul: prod/services/web }
`,
  },
  HG3010: {
    severity: 'error',
    title: 'address used twice',
    explanation: 'Two listeners, or a listener and the admin listener, have the same address; only one of them could be bound.',
    wrong: `listeners:
  main: { address: "127.0.0.1:9900" }
routing_rules:
  - path: /hello
    respond: { body: hello }
`,
    right: `listeners:
  main: { address: "127.0.0.1:8080" }
routing_rules:
  - path: /hello
    respond: { body: hello }
`,
  },
  HG3011: {
    severity: 'error',
    title: '--listen is ambiguous',
    explanation: '`--listen` replaces the address of the only listener. With several listeners, change their addresses in the file.',
    wrong: '',
    right: `routing_rules:
  - path: /hello
    respond: { body: hello }
`,
  },
} as const satisfies Record<string, CatalogueEntry>
