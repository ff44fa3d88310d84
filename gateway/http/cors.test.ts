import { describe, expect, test } from 'vitest'
import type { CorsConfig } from '../../config/model.ts'
import { cors } from './cors.ts'

const config: CorsConfig = {
  origins: ['https://app.example.com', 'https://b.example.com'],
  methods: ['GET', 'PUT'],
  headers: ['x-one', 'x-two'],
  exposeHeaders: ['x-total'],
  credentials: true,
  maxAgeSeconds: 600,
}
const anyone: CorsConfig = { origins: ['*'], methods: ['GET'], headers: [], exposeHeaders: [], credentials: false, maxAgeSeconds: 0 }

const preflight = { origin: 'https://app.example.com', 'access-control-request-method': 'PUT' }

describe('a preflight request', () => {
  test('of an allowed origin is told everything that is allowed', () => {
    expect(cors(config).preflight('OPTIONS', preflight)).toEqual([
      'access-control-allow-origin',
      'https://app.example.com',
      'access-control-allow-credentials',
      'true',
      'access-control-allow-methods',
      'GET, PUT',
      'access-control-allow-headers',
      'x-one, x-two',
      'access-control-max-age',
      '600',
      'vary',
      'Origin',
    ])
  })

  test.each(['https://evil.example.com', 'http://app.example.com', 'https://app.example.com.evil', 'null', 'HTTPS://APP.EXAMPLE.COM', ''])(
    'of %j is granted nothing',
    (origin) => {
      expect(cors(config).preflight('OPTIONS', { ...preflight, origin })).toEqual(['vary', 'Origin'])
    },
  )

  test.each([
    ['OPTIONS', { origin: 'https://app.example.com' }],
    ['OPTIONS', { 'access-control-request-method': 'PUT' }],
    ['GET', preflight],
  ])('is not %s with %j', (method, headers) => {
    expect(cors(config).preflight(method, headers)).toBeUndefined()
  })

  test('of anyone, where anyone may call, does not depend on the origin', () => {
    expect(cors(anyone).preflight('OPTIONS', preflight)).toEqual([
      'access-control-allow-origin',
      '*',
      'access-control-allow-methods',
      'GET',
      'access-control-max-age',
      '0',
    ])
  })
})

describe('an ordinary answer', () => {
  test('names the origin that may read it, and says that it depends on the origin', () => {
    expect(cors(config).headers('https://b.example.com')).toEqual([
      'access-control-allow-origin',
      'https://b.example.com',
      'access-control-allow-credentials',
      'true',
      'access-control-expose-headers',
      'x-total',
      'vary',
      'Origin',
    ])
  })

  test('says that it depends on the origin even to those who may not read it', () => {
    expect(cors(config).headers('https://evil.example.com')).toEqual(['vary', 'Origin'])
    expect(cors(config).headers(undefined)).toEqual(['vary', 'Origin'])
  })

  test('is the same for all where anyone may read it', () => {
    expect(cors(anyone).headers('https://evil.example.com')).toEqual(['access-control-allow-origin', '*'])
    expect(cors(anyone).headers(undefined)).toEqual([])
  })
})
