import type { CatalogueEntry } from './entry.ts'

/** HG2015 and up: a value is in its format, and still not possible at its place. */
export const values = {
  HG2015: {
    severity: 'error',
    title: 'not one of the choices',
    explanation: 'The key takes one of a few values only.',
    wrong: `routing_rules:
  - path: /hello
    service: web
services:
  web: { urls: ["http://127.0.0.1:9101"], load_balancing: roundrobin }
`,
    right: `routing_rules:
  - path: /hello
    service: web
services:
  web: { urls: ["http://127.0.0.1:9101"], load_balancing: round_robin }
`,
  },
  HG2016: {
    severity: 'error',
    title: 'out of range',
    explanation: 'The number or the length of the text is outside of what is allowed.',
    wrong: `routing_rules:
  - path: /hello
    service: web
    retries: 11
services:
  web: { urls: ["http://127.0.0.1:9101"] }
`,
    right: `routing_rules:
  - path: /hello
    service: web
    retries: 10
services:
  web: { urls: ["http://127.0.0.1:9101"] }
`,
  },
  HG2017: {
    severity: 'error',
    title: 'wrong number of entries',
    explanation: 'A list or map has too few or too many entries.',
    wrong: `routing_rules:
  - path: /hello
    service: web
services:
  web: { urls: [] }
`,
    right: `routing_rules:
  - path: /hello
    service: web
services:
  web: { urls: ["http://127.0.0.1:9101"] }
`,
  },
  HG2018: {
    severity: 'error',
    title: 'repeated entry',
    explanation: 'The same entry stands in a list or set twice. Header names are the same whatever their case.',
    wrong: `routing_rules:
  - path: /hello
    methods: [GET, GET]
    respond: { body: hello }
`,
    right: `routing_rules:
  - path: /hello
    methods: [GET]
    respond: { body: hello }
`,
  },
  HG2019: {
    severity: 'error',
    title: 'protected header',
    explanation:
      'Headers that frame the message or belong to one connection are set by the gateway alone; changing them could let one request be read as two.',
    wrong: `routing_rules:
  - path: /hello
    service: web
    request_headers: { set: { content-length: "3" } }
services:
  web: { urls: ["http://127.0.0.1:9101"] }
`,
    right: `routing_rules:
  - path: /hello
    service: web
    request_headers: { set: { x-length: "3" } }
services:
  web: { urls: ["http://127.0.0.1:9101"] }
`,
  },
  HG2020: {
    severity: 'error',
    title: 'invalid origin',
    explanation: 'An origin is scheme, host and port as a browser sends it, such as `https://app.example.com`, or `*` alone for any.',
    wrong: `routing_rules:
  - path: /hello
    service: web
    cors: { origins: [app.example.com] }
services:
  web: { urls: ["http://127.0.0.1:9101"] }
`,
    right: `routing_rules:
  - path: /hello
    service: web
    cors: { origins: ["https://app.example.com"] }
services:
  web: { urls: ["http://127.0.0.1:9101"] }
`,
  },
  HG2021: {
    severity: 'error',
    title: 'metric is declared differently',
    explanation:
      'The integration metrics have fixed names, types and labels. Declaring one documents it; a declaration that differs would be untrue.',
    wrong: `metrics:
  - { name: integration_latency_ms, type: gauge, labels: [service, endpoint, status] }
routing_rules:
  - path: /hello
    respond: { body: hello }
`,
    right: `metrics:
  - { name: integration_latency_ms, type: histogram, labels: [service, endpoint, status] }
routing_rules:
  - path: /hello
    respond: { body: hello }
`,
  },
  HG2022: {
    severity: 'error',
    title: 'unusable TLS file',
    explanation: 'A file with a certificate or key cannot be read, or holds no PEM block of the right kind.',
    wrong: `routing_rules:
  - path: /hello
    service: web
services:
  web: { urls: ["https://127.0.0.1:9101"], tls: { ca_file: missing.pem } }
`,
    right: `routing_rules:
  - path: /hello
    service: web
services:
  web: { urls: ["https://127.0.0.1:9101"] }
`,
  },
  HG2023: {
    severity: 'error',
    title: 'incomplete TLS pair',
    explanation: 'A client certificate needs its key and the key its certificate.',
    wrong: `routing_rules:
  - path: /hello
    service: web
services:
  web: { urls: ["https://127.0.0.1:9101"], tls: { cert_file: client.pem } }
`,
    right: `routing_rules:
  - path: /hello
    service: web
services:
  web: { urls: ["https://127.0.0.1:9101"] }
`,
  },
  HG2024: {
    severity: 'error',
    title: 'keys exclude each other',
    explanation: 'Two keys stand together that contradict each other.',
    wrong: `routing_rules:
  - path: /hello/*
    service: web
    strip_prefix: /hello
    rewrite: /world
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
} as const satisfies Record<string, CatalogueEntry>
