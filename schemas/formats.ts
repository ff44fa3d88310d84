/**
 * The string formats of the configuration language, as data: what an editor shows and checks.
 * The parser of each stands in `config/values/` under the same name; a test keeps the two lists equal.
 *
 * `pattern` is a coarse check for editors; the parser is exact and gives the real message.
 */
export interface FormatDescription {
  /** What a person should write, for messages: "a duration such as `250ms`, `5s`". */
  readonly expects: string
  /** ECMA-262 pattern for editors. */
  readonly pattern: string
  readonly examples: readonly string[]
}

const duration = '^((0|[1-9][0-9]*)(\\.[0-9]+)?(ms|s|m|h|d))+$'
const durationOrNever = '^(∞|never|((0|[1-9][0-9]*)(\\.[0-9]+)?(ms|s|m|h|d))+)$'

export const formats = {
  /** More than zero, at most 24 days (what a timer can hold). */
  'headgate-duration': { expects: 'a duration such as `250ms`, `5s` or `1m30s`', pattern: duration, examples: ['250ms', '5s', '10m'] },
  /** As `headgate-duration`, and zero is allowed. */
  'headgate-duration-or-zero': { expects: 'a duration such as `0s`, `5s` or `1m30s`', pattern: duration, examples: ['0s', '5s'] },
  /** As `headgate-duration`, and `never` or `∞` for no limit. */
  'headgate-duration-or-never': {
    expects: 'a duration such as `5s` or `10m`, or `never` for no limit',
    pattern: durationOrNever,
    examples: ['5s', '10m', 'never'],
  },
  /** More than zero, up to 100 years, or `never`/`∞`: ages and rotations, not timers. */
  'headgate-age': { expects: 'a duration such as `24h` or `90d`, or `never`', pattern: durationOrNever, examples: ['24h', '90d', '∞'] },
  /** Bytes; binary units. */
  'headgate-size': {
    expects: 'a size such as `512B`, `64KiB` or `10MiB`',
    pattern: '^[0-9]+(\\.[0-9]+)?(B|KiB|MiB|GiB)$',
    examples: ['64KiB', '10MiB'],
  },
  /** As `headgate-size`, and `never`/`∞` for no limit. */
  'headgate-size-or-never': {
    expects: 'a size such as `64KiB` or `10MiB`, or `never` for no limit',
    pattern: '^(∞|never|[0-9]+(\\.[0-9]+)?(B|KiB|MiB|GiB))$',
    examples: ['10MiB', 'never'],
  },
  'headgate-rate': {
    expects: 'a rate such as `100/min` or `10/s`',
    pattern: '^[0-9]+/(s|min|h|hour|day|second|minute)$',
    examples: ['100/min', '10/s'],
  },
  'headgate-percent': { expects: 'a percentage such as `50%`', pattern: '^[0-9]+(\\.[0-9]+)?%$', examples: ['50%', '0.5%'] },
  'headgate-address': {
    expects: 'an address HOST:PORT such as `127.0.0.1:8080`',
    pattern: '^(\\[[0-9a-fA-F:.]+\\]|[^:/\\s]+):[0-9]{1,5}$',
    examples: ['0.0.0.0:8080', '[::1]:9900'],
  },
  'headgate-path': { expects: 'a path that starts with `/`', pattern: '^/[^?#]*$', examples: ['/health'] },
  /** For requests that the gateway makes itself. */
  'headgate-request-path': {
    expects: 'a path such as `/health`, with a query where it needs one',
    pattern: '^/[^#]*$',
    examples: ['/health', '/health?ready=1'],
  },
  /** `{params}` of the matched path and `{rest}` are filled in. */
  'headgate-path-template': { expects: 'a path such as `/v2/users/{id}`', pattern: '^/[^?#]*$', examples: ['/v2/users/{id}'] },
  'headgate-path-pattern': {
    expects: 'a path such as `/orders`, `/orders/{id}` or `/orders/*`',
    pattern: '^/',
    examples: ['/api/users/*', '/orders/{id}', '/healthz'],
  },
  'headgate-host-pattern': {
    expects: 'a host name such as `api.example.com` or `*.example.com`',
    pattern: '^(\\*\\.)?[^/\\s*]+$',
    examples: ['api.example.com', '*.example.com'],
  },
  'headgate-method': { expects: 'an HTTP method in capitals such as `GET`', pattern: '^[A-Z][A-Z-]*$', examples: ['GET', 'POST'] },
  'headgate-header-name': { expects: 'an HTTP header name', pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", examples: ['x-request-id'] },
  'headgate-header-value': {
    expects: 'an HTTP header value: printable characters, no line breaks',
    pattern: '^[\\t\\x20-\\x7e\\x80-\\xff]*$',
    examples: ['no-store'],
  },
  'headgate-upstream-url': {
    expects: 'an address such as `http://127.0.0.1:9101` (no path, query or user)',
    pattern: '^https?://',
    examples: ['http://127.0.0.1:9101'],
  },
  'headgate-url': { expects: 'a URL that starts with `http://` or `https://`', pattern: '^https?://', examples: ['https://api.example.com/health'] },
  'headgate-dns-name': {
    expects: 'a DNS name, with a port where it is not 80',
    pattern: '^[^/\\s]+$',
    examples: ['user-service.prod.svc.cluster.local', 'users.internal:8080'],
  },
  'headgate-cidr': {
    expects: 'an IP address or range such as `10.0.0.0/8`',
    pattern: '^[0-9a-fA-F.:]+(/[0-9]{1,3})?$',
    examples: ['10.0.0.0/8', '::1'],
  },
  /** Of queues and exchanges; what every broker accepts. */
  'headgate-queue-name': {
    expects: 'a name of letters, digits, `.`, `_` and `-` such as `payment.process`',
    pattern: '^[A-Za-z0-9._-]{1,200}$',
    examples: ['payment.process'],
  },
  'headgate-event-name': {
    expects: 'a name of letters, digits, `.`, `_` and `-` such as `OrderCreated`',
    pattern: '^[A-Za-z0-9._-]{1,100}$',
    examples: ['OrderCreated'],
  },
  'headgate-subscriber-name': {
    expects: 'a name of letters, digits, `.`, `_` and `-` such as `inventory`',
    pattern: '^[A-Za-z0-9._-]{1,90}$',
    examples: ['inventory'],
  },
  'headgate-amqp-url': {
    expects: 'an address such as `amqp://127.0.0.1:5672`, or `amqps://` for TLS',
    pattern: '^amqps?://',
    examples: ['amqp://127.0.0.1:5672', 'amqps://rabbit-1.internal:5671/production'],
  },
  'headgate-kafka-url': {
    expects: 'a server such as `127.0.0.1:9092` or `kafka://127.0.0.1:9092`',
    pattern: '^(kafka://)?([^:[\\]/]+|\\[[0-9A-Fa-f:.]+\\]):[0-9]{1,5}$',
    examples: ['kafka-1.internal:9092', 'kafka://127.0.0.1:9092'],
  },
  'headgate-redis-url': {
    expects: 'an address such as `redis://127.0.0.1:6379`, or `rediss://` for TLS',
    pattern: '^rediss?://',
    examples: ['redis://127.0.0.1:6379', 'rediss://redis-1.internal:6379/2'],
  },
  /** RFC 6901, with at least one step. */
  'headgate-json-pointer': {
    expects: 'a JSON Pointer such as `/customer/id`',
    pattern: '^(/([^/~]|~[01])*)+$',
    examples: ['/customer/id'],
  },
  'headgate-location': { expects: 'a path or an http(s) URL', pattern: '^(/|https?://)', examples: ['/new/{id}', 'https://example.com/'] },
} as const satisfies Record<string, FormatDescription>

export type FormatName = keyof typeof formats
