import { expect, test } from 'vitest'
import { backtracksExponentially } from './pattern.ts'

test.each([
  '^(a+)+$',
  '^(a*)*$',
  '([a-z]+[0-9]*)+!',
  '^(\\w+\\s?)+$',
  '(.*,)*x',
  '^((a+)b?)+$',
  '(a|a)+$',
  '(a|aa)+$',
  '^(\\d|\\w)*$',
  '(?:(?<x>[a-z]{1,}))*',
  '^(([a-z])+.)+[A-Z]([a-z])+$',
  '^(a{1,500}){1,500}$',
])('%s is refused', (pattern) => {
  expect(backtracksExponentially(pattern)).toBe(true)
})

test.each([
  '^[a-z]+$',
  '^(\\w+\\.)+\\w+$',
  '^([0-9]{3}-)*[0-9]+$',
  '^(foo|bar)+$',
  '^(\\w{1,10}\\s?){1,5}$',
  '^[^@\\s]+@([a-z0-9-]+\\.)+[a-z]{2,}$',
  '^\\d{4}-\\d{2}-\\d{2}(T\\d{2}:\\d{2})?$',
  '^(?=.*[0-9])(?=.*[a-z]).{8,}$',
  '^(?:[A-Z]{2}[0-9]+;)*$',
  '^\\[(a|b)*\\]$',
  '(unclosed',
  '',
])('%s is fine', (pattern) => {
  expect(backtracksExponentially(pattern)).toBe(false)
})
