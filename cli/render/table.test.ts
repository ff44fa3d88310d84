import { expect, test } from 'vitest'
import type { Style } from '../io.ts'
import { table } from './table.ts'
import { clipped, textWidth, visible } from './text-width.ts'

const plain: Style = (_, text) => text
const lines = (text: string): string[] => text.split('\n').slice(0, -1)

test('columns are as wide as their widest cell and no line ends in spaces', () => {
  const text = table(
    ['route', 'target'],
    [
      ['/a', 'users'],
      ['/longer/*', 'o'],
    ],
    { width: undefined, style: plain },
  )
  expect(text).toBe('route      target\n/a         users\n/longer/*  o\n')
})

test('a table that is wider than the terminal narrows its widest column and says so with an ellipsis', () => {
  const text = table(['a', 'b'], [['x'.repeat(50), 'short']], { width: 30, style: plain, indent: '  ' })
  expect(lines(text).every((line) => textWidth(line) <= 30)).toBe(true)
  expect(lines(text)[1]).toBe(`  ${'x'.repeat(20)}…  short`)
})

test('columns without any cell are left out', () => {
  expect(table(['a', 'b', 'c'], [['1', '', '3']], { width: undefined, style: plain })).toBe('a  c\n1  3\n')
})

test('wide characters take two columns', () => {
  expect(textWidth('日本')).toBe(4)
  expect(textWidth('é')).toBe(1)
  expect(textWidth('e\u0301')).toBe(1)
  expect(
    lines(
      table(
        ['a', 'b'],
        [
          ['日本', 'x'],
          ['ab', 'y'],
        ],
        { width: undefined, style: plain },
      ),
    ),
  ).toEqual(['a     b', '日本  x', 'ab    y'])
})

test('a cut never splits a wide character', () => {
  expect(clipped('日本語', 4)).toBe('日…')
})

test('colours take no width', () => {
  expect(textWidth('\u001b[31mred\u001b[39m')).toBe(3)
})

test('text of a configuration cannot steer the terminal', () => {
  expect(visible('a\u001b[31mb\nc')).toBe('a\\u{1b}[31mb\\u{a}c')
  expect(table(['a'], [['x\u001b[2Jy']], { width: undefined, style: plain })).toBe('a\nx\\u{1b}[2Jy\n')
})
