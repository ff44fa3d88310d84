import { assert, constantFrom, property, string, stringMatching } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { idSource } from './trace-ids.ts'
import { traceContext, traceparent } from './trace.ts'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const callerSpan = 'b7ad6b7169203331'
const ownSpan = '00f067aa0ba902b7'
const newTrace = '4bf92f3577b34da6a3ce929d0e0e4736'
const ids = { traceId: () => newTrace, spanId: () => ownSpan }
const fresh = { traceId: newTrace, parentSpanId: undefined, spanId: ownSpan, sampled: true, flags: '01', tracestate: undefined }

describe('traceparent', () => {
  test('continues the trace of the caller with a span of its own', () => {
    const context = traceContext({ traceparent: `00-${traceId}-${callerSpan}-01`, tracestate: 'vendor=1,other=2' }, ids)
    expect(context).toEqual({ traceId, parentSpanId: callerSpan, spanId: ownSpan, sampled: true, flags: '01', tracestate: 'vendor=1,other=2' })
    expect(traceparent(context)).toBe(`00-${traceId}-${ownSpan}-01`)
  })

  test.each([
    ['00', false, '00'],
    ['01', true, '01'],
    ['02', false, '02'],
    ['03', true, '03'],
    ['ff', true, '03'],
    ['fc', false, '00'],
  ])('reads flags %s: sampled %s, and passes on %s', (incoming, sampled, outgoing) => {
    const context = traceContext({ traceparent: `00-${traceId}-${callerSpan}-${incoming}` }, ids)
    expect(context.sampled).toBe(sampled)
    expect(traceparent(context)).toBe(`00-${traceId}-${ownSpan}-${outgoing}`)
  })

  test.each([
    ['a later version', `01-${traceId}-${callerSpan}-01`],
    ['a later version with more fields', `cc-${traceId}-${callerSpan}-01-what-the-future-brings`],
  ])('reads the first four fields of %s', (_, header) => {
    expect(traceContext({ traceparent: header }, ids)).toMatchObject({ traceId, parentSpanId: callerSpan, sampled: true })
  })

  test.each([
    ['version ff', `ff-${traceId}-${callerSpan}-01`],
    ['version 00 with more fields', `00-${traceId}-${callerSpan}-01-extra`],
    ['a later version with a longer flags field', `01-${traceId}-${callerSpan}-01x`],
    ['a trace id of zeros', `00-${'0'.repeat(32)}-${callerSpan}-01`],
    ['a parent id of zeros', `00-${traceId}-${'0'.repeat(16)}-01`],
    ['capitals', `00-${traceId.toUpperCase()}-${callerSpan}-01`],
    ['a short trace id', `00-${traceId.slice(1)}-${callerSpan}-01`],
    ['spaces around it', ` 00-${traceId}-${callerSpan}-01 `],
    ['two values joined', `00-${traceId}-${callerSpan}-01, 00-${traceId}-${callerSpan}-01`],
    ['a line feed at the end', `00-${traceId}-${callerSpan}-01\n`],
    ['nothing', ''],
  ])('starts a new trace at %s, and drops tracestate', (_, header) => {
    expect(traceContext({ traceparent: header, tracestate: 'vendor=1' }, ids)).toEqual(fresh)
  })

  test('wins over the own headers', () => {
    const incoming = { traceparent: `00-${traceId}-${callerSpan}-00`, traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: 'true' }
    expect(traceContext(incoming, ids)).toMatchObject({ traceId, parentSpanId: callerSpan, sampled: false })
  })

  test('gives way to the own headers when it is not valid', () => {
    expect(traceContext({ traceparent: 'junk', traceId: 'a'.repeat(32) }, ids).traceId).toBe('a'.repeat(32))
  })

  test.each([
    ['513 characters', 'a'.repeat(513)],
    ['control characters', 'a=\u0001'],
    ['an empty value', ''],
  ])('drops a tracestate of %s', (_, tracestate) => {
    expect(traceContext({ traceparent: `00-${traceId}-${callerSpan}-01`, tracestate }, ids).tracestate).toBeUndefined()
  })

  test('whatever comes in, only valid ids come out', () => {
    const nearlyValid = stringMatching(/^[0-9a-f]{2}-[0-9a-f]{31,33}-[0-9a-f]{15,17}-[0-9a-f]{2}(-[a-z]*)?$/)
    assert(
      property(string(), nearlyValid, string(), constantFrom('true', 'false', '\r\n', undefined), (junk, near, id, sampled) => {
        for (const header of [junk, near]) {
          const out = traceparent(
            traceContext({ traceparent: header, tracestate: junk, traceId: id, spanId: junk, parentSpanId: near, sampled }, idSource()),
          )
          expect(out).toMatch(/^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[0-3]$/)
        }
      }),
    )
  })

  test('every valid version 00 header is understood', () => {
    const id = (digits: number) => stringMatching(new RegExp(`^[1-9a-f][0-9a-f]{${digits - 1}}$`))
    assert(
      property(id(32), id(16), stringMatching(/^[0-9a-f]{2}$/), (trace, span, flags) => {
        const context = traceContext({ traceparent: `00-${trace}-${span}-${flags}` }, ids)
        expect(context).toMatchObject({ traceId: trace, parentSpanId: span, sampled: Number.parseInt(flags, 16) % 2 === 1 })
      }),
    )
  })
})

describe('own headers', () => {
  test('continue the trace, the span of the caller being the parent', () => {
    expect(traceContext({ traceId, spanId: callerSpan, parentSpanId: 'c'.repeat(16), sampled: 'false' }, ids)).toEqual({
      traceId,
      parentSpanId: callerSpan,
      spanId: ownSpan,
      sampled: false,
      flags: '00',
      tracestate: undefined,
    })
  })

  test('take the parent span id where the caller sent no span id', () => {
    expect(traceContext({ traceId, parentSpanId: callerSpan }, ids).parentSpanId).toBe(callerSpan)
  })

  test('fold case, and widen ids of 16 digits', () => {
    expect(traceContext({ traceId: 'ABCDEF0123456789' }, ids).traceId).toBe('0000000000000000abcdef0123456789')
  })

  test('ignore junk, zeros, and spans without a trace', () => {
    for (const junk of ['', 'x', '0'.repeat(32), `${traceId}0`, '<script>', '0a\r\nset-cookie: a'])
      expect(traceContext({ traceId: junk, spanId: callerSpan }, ids)).toEqual(fresh)
    expect(traceContext({ traceId, spanId: 'nope' }, ids).parentSpanId).toBeUndefined()
  })

  test.each([
    ['true', true],
    ['1', true],
    ['false', false],
    ['0', false],
    ['maybe', true],
    [undefined, true],
  ])('x-sampled %s means %s', (sampled, expected) => {
    expect(traceContext({ sampled }, ids).sampled).toBe(expected)
  })
})

describe('idSource', () => {
  test('draws ids of the right length, none twice', () => {
    const source = idSource()
    const drawn = Array.from({ length: 2000 }, () => [source.traceId(), source.spanId()]).flat()
    expect(new Set(drawn).size).toBe(4000)
    for (const id of drawn) expect(id).toMatch(/^([0-9a-f]{32}|[0-9a-f]{16})$/)
  })

  test('never gives an id of zeros', () => {
    let fills = 0
    const source = idSource((pool) => void pool.fill(fills++ === 0 ? 0 : 0xab))
    expect(source.spanId()).toBe('ab'.repeat(8))
  })

  test('asks for randomness once for many ids', () => {
    let fills = 0
    const source = idSource((pool) => void pool.fill((fills += 1)))
    for (let count = 0; count < 256; count += 1) source.traceId()
    expect(fills).toBe(1)
    source.spanId()
    expect(fills).toBe(2)
  })
})
