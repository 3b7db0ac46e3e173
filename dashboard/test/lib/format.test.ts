import { describe, expect, it } from 'vitest'
import * as format from '../../src/lib/format'

describe('bytes', () => {
  it.each([
    [0, '0 bytes'],
    [1, '1 byte'],
    [999, '999 bytes'],
    [1000, '1.0 kB'],
    [9949, '9.9 kB'],
    [9950, '10 kB'],
    [999_499, '999 kB'],
    [999_500, '1.0 MB'],
    [381_000_000, '381 MB'],
    [999_499_999, '999 MB'],
    [999_500_000, '1.0 GB'],
    [9_000_000_000, '9.0 GB'],
    [42_520_000_000, '42.5 GB'],
    [99_940_000_000, '99.9 GB'],
    [99_960_000_000, '100 GB'],
    [1_500_000_000_000, '1.5 TB'],
    [-4_800_000_000, '−4.8 GB'],
  ])('%i is %s', (size, text) => expect(format.bytes(size)).toBe(text))
})

describe('bytes that have arrived', () => {
  it.each([
    [0, '0 bytes'],
    [381_000_000, '381 MB'],
    [999_600_000, '1.00 GB'],
    [3_910_000_000, '3.91 GB'],
    [28_220_000_000, '28.2 GB'],
    [127_400_000_000, '127 GB'],
    [1_200_000_000_000, '1.2 TB'],
  ])('%i is %s', (size, text) => expect(format.arrived(size)).toBe(text))
})

describe('speed', () => {
  it.each([
    [0, '0 kB/s'],
    [0.4, '1 byte/s'],
    [300, '300 bytes/s'],
    [1500, '2 kB/s'],
    [999_499, '999 kB/s'],
    [999_500, '1.0 MB/s'],
    [86_400_000, '86.4 MB/s'],
    [999_960_000, '1.00 GB/s'],
    [1_250_000_000, '1.25 GB/s'],
  ])('%d is %s', (speed, text) => expect(format.speed(speed)).toBe(text))
})

describe('percent', () => {
  it.each([
    [0, '0%'],
    [43.4, '43%'],
    [99.99, '99%'],
    [100, '100%'],
    [100.1, '100%'],
  ])('%d is %s', (value, text) => expect(format.percent(value)).toBe(text))
})

describe('duration', () => {
  it.each([
    [-3, '0 s'],
    [59, '59 s'],
    [59.6, '1 min'],
    [342, '5 min 42 s'],
    [3600, '1 h'],
    [11_400, '3 h 10 min'],
    [86_400, '1 day'],
    [97_200, '1 day 3 h'],
    [172_800, '2 days'],
  ])('%d is %s', (seconds, text) => expect(format.duration(seconds)).toBe(text))
})

describe('ago', () => {
  it.each([
    [-2000, 'just now'],
    [4999, 'just now'],
    [12_000, '12 s ago'],
    [90_000, '1 min ago'],
    [3_600_000, '1 h ago'],
    [86_400_000, '1 day ago'],
    [3 * 86_400_000, '3 days ago'],
  ])('%i is %s', (milliseconds, text) => expect(format.ago(milliseconds)).toBe(text))
})

describe('counts', () => {
  it.each([
    [1310, '1,310', '1.3k'],
    [999, '999', '999'],
    [1000, '1,000', '1k'],
    [412_345, '412,345', '412k'],
    [999_600, '999,600', '1M'],
    [1_310_000, '1,310,000', '1.3M'],
    [26_000_000, '26,000,000', '26M'],
  ])('%i is %s, in short %s', (value, long, short) => {
    expect(format.count(value)).toBe(long)
    expect(format.shortCount(value)).toBe(short)
  })
})

it.each([
  [512, '512'],
  [8192, '8k'],
  [40_960, '40k'],
  [131_072, '128k'],
  [1_048_576, '1,024k'],
  [32_000, '32k'],
])('%d tokens are a context of %s', (value, words) => {
  expect(format.tokens(value)).toBe(words)
})

describe('parameters', () => {
  it.each([
    [22_700_000, '23M'],
    [596_049_920, '596M'],
    [600_000_000, '0.6B'],
    [999_000_000, '1B'],
    [14_770_000_000, '14.8B'],
    [70_000_000_000, '70B'],
    [1_060_000_000_000, '1.1T'],
  ])('%i is %s', (value, text) => expect(format.parameters(value)).toBe(text))
})

describe('ordinal', () => {
  it.each([
    [1, '1st'],
    [2, '2nd'],
    [3, '3rd'],
    [4, '4th'],
    [11, '11th'],
    [13, '13th'],
    [22, '22nd'],
    [111, '111th'],
  ])('%i is %s', (value, text) => expect(format.ordinal(value)).toBe(text))
})

it('cuts a long name in the middle, so that its end stays', () => {
  expect(format.middle('short.gguf', 20)).toBe('short.gguf')
  const cut = format.middle('Llama-3.3-70B-Instruct-Q4_K_M.gguf', 24)
  expect(cut).toHaveLength(24)
  expect(cut).toMatch(/^Llama.*….*K_M\.gguf$/)
})

it('knows one from many', () => {
  expect(format.plural(1, 'model')).toBe('1 model')
  expect(format.plural(0, 'model')).toBe('0 models')
  expect(format.plural(1200, 'repository', 'repositories')).toBe('1,200 repositories')
})

it('writes a time with its day', () => {
  expect(format.dateTime('2026-11-21T09:14:00')).toBe('21 Nov 2026, 09:14')
})
