import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { announceDownload, announceInto, knowDownload } from '../../src/live/announcer'
import { aDownload } from '../make'

let region: HTMLElement
let task = 0

beforeEach(() => {
  vi.useFakeTimers()
  region = document.createElement('div')
  announceInto(region)
  task += 1
})
afterEach(() => vi.useRealTimers())

/** What is heard of one more word about the download. */
function hear(differs: Parameters<typeof aDownload>[0]): string {
  region.textContent = ''
  announceDownload(aDownload({ taskId: `task ${task}`, ...differs }), 'Qwen3 14B')
  vi.advanceTimersByTime(500)
  return region.textContent
}

it('tells the start, each quarter and the end, and nothing in between', () => {
  expect(hear({ status: 'Pending', percent: 0 })).toBe('Qwen3 14B: waiting to download')
  expect(hear({ percent: 0 })).toBe('Qwen3 14B: download started')
  expect(hear({ percent: 24.9 })).toBe('')
  expect(hear({ percent: 25 })).toBe('Qwen3 14B: 25 percent')
  expect(hear({ percent: 26 })).toBe('')
  expect(hear({ percent: 51 })).toBe('Qwen3 14B: 50 percent')
  expect(hear({ percent: 76 })).toBe('Qwen3 14B: 75 percent')
  expect(hear({ status: 'Downloaded', percent: 100 })).toBe('Qwen3 14B: downloaded')
})

it('tells a failure with its cause', () => {
  const error = { code: 'DOWNLOAD_FAILED', detail: 'The download failed.', remedy: 'Start it again.' }
  expect(hear({ status: 'Failed', error })).toBe('Qwen3 14B: download failed. The download failed.')
})

it('tells that it was canceled', () => {
  expect(hear({ status: 'Canceled' })).toBe('Qwen3 14B: download canceled')
})

it('says nothing of quarters that passed before the page was there', () => {
  expect(hear({ percent: 60 })).toBe('')
  expect(hear({ percent: 75 })).toBe('Qwen3 14B: 75 percent')
})

it('says nothing of the start of one that the page found running', () => {
  knowDownload(aDownload({ taskId: `task ${task}`, percent: 10 }))
  expect(hear({ percent: 11 })).toBe('')
})

it('says each of several things that happen at once', () => {
  announceDownload(aDownload({ taskId: 'one', status: 'Downloaded' }), 'A')
  announceDownload(aDownload({ taskId: 'two', status: 'Canceled' }), 'B')
  vi.advanceTimersByTime(500)
  expect(region.textContent).toBe('A: downloaded; B: download canceled')
})
