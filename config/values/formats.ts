import type { FormatName } from '../../schemas/formats.ts'
import type { DiagnosticCode } from '../diagnostics/catalogue.ts'
import { amqpUrl } from './amqp-url.ts'
import { address, bareAddress, cidr } from './address.ts'
import { age, bareDurationOrNever, bareDurationOrZero, bareTimerDuration, durationOrNever, durationOrZero, timerDuration } from './duration.ts'
import { dnsName, hostPattern } from './host.ts'
import { headerName, headerValue, method } from './http.ts'
import { kafkaUrl } from './kafka-url.ts'
import { jsonPointer } from './json-pointer.ts'
import { eventName, queueName, subscriberName } from './name.ts'
import type { Parsed, Problem } from './parsed.ts'
import { path, pathPattern, requestPath } from './path.ts'
import { barePercent, percent } from './percent.ts'
import { bareRate, rate } from './rate.ts'
import { redisUrl } from './redis-url.ts'
import { bareSize, size, sizeOrNever } from './size.ts'
import { location, pathTemplate } from './template.ts'
import { httpUrl, upstreamUrl } from './url.ts'

export interface ValueFormat {
  readonly code: DiagnosticCode
  readonly parse: (text: string) => Parsed<unknown>
  /** What to say when a number stands where this text is expected. */
  readonly bareNumber?: (number: number) => Problem
}

const sizes = { code: 'HG2002', bareNumber: bareSize } as const

/** The exact parser of each format; `schemas/formats.ts` describes them to people and editors. */
export const valueFormats: Readonly<Record<FormatName, ValueFormat>> = {
  'headgate-duration': { code: 'HG2001', parse: timerDuration, bareNumber: bareTimerDuration },
  'headgate-duration-or-zero': { code: 'HG2001', parse: durationOrZero, bareNumber: bareDurationOrZero },
  'headgate-duration-or-never': { code: 'HG2001', parse: durationOrNever, bareNumber: bareDurationOrNever },
  'headgate-age': { code: 'HG2001', parse: age, bareNumber: bareDurationOrNever },
  'headgate-size': { ...sizes, parse: size },
  'headgate-size-or-never': { ...sizes, parse: sizeOrNever },
  'headgate-rate': { code: 'HG2003', parse: rate, bareNumber: bareRate },
  'headgate-percent': { code: 'HG2004', parse: percent, bareNumber: barePercent },
  'headgate-address': { code: 'HG2005', parse: address, bareNumber: bareAddress },
  'headgate-path': { code: 'HG2006', parse: path },
  'headgate-request-path': { code: 'HG2006', parse: requestPath },
  'headgate-path-template': { code: 'HG2006', parse: pathTemplate },
  'headgate-path-pattern': { code: 'HG2007', parse: pathPattern },
  'headgate-host-pattern': { code: 'HG2008', parse: hostPattern },
  'headgate-method': { code: 'HG2009', parse: method },
  'headgate-header-name': { code: 'HG2010', parse: headerName },
  'headgate-header-value': { code: 'HG2011', parse: headerValue },
  'headgate-upstream-url': { code: 'HG2012', parse: upstreamUrl },
  'headgate-url': { code: 'HG2012', parse: httpUrl },
  'headgate-location': { code: 'HG2012', parse: location },
  'headgate-dns-name': { code: 'HG2013', parse: dnsName },
  'headgate-cidr': { code: 'HG2014', parse: cidr },
  'headgate-queue-name': { code: 'HG2025', parse: queueName },
  'headgate-event-name': { code: 'HG2025', parse: eventName },
  'headgate-subscriber-name': { code: 'HG2025', parse: subscriberName },
  'headgate-amqp-url': { code: 'HG2026', parse: amqpUrl },
  'headgate-kafka-url': { code: 'HG2005', parse: kafkaUrl, bareNumber: bareAddress },
  'headgate-redis-url': { code: 'HG2029', parse: redisUrl },
  'headgate-json-pointer': { code: 'HG2027', parse: jsonPointer },
}

export const isFormatName = (name: string): name is FormatName => Object.hasOwn(valueFormats, name)
