/** What a screen reader hears of downloads: start, each quarter, the end; never every tick. */
import type { Operation } from '../api/downloads'

/** Milliseconds in which sentences gather: the second of two at once would silence the first. */
const GATHER = 200
/** Downloads whose last news are remembered. */
const MOST_HEARD = 200

let region: HTMLElement | null = null
let waiting: string[] = []
const heard = new Map<string, string>()

/** The page's one polite live region; the shell renders it. */
export function announceInto(element: HTMLElement | null): void {
  region = element
}

/** Say a sentence politely. */
export function announce(sentence: string): void {
  if (!waiting.length) setTimeout(speak, GATHER)
  waiting.push(sentence)
}

/** Say what has happened to a download, if it is worth a sentence. */
export function announceDownload(operation: Operation, name: string): void {
  const before = heard.get(operation.taskId ?? '')
  const news = remember(operation)
  // A page that comes in the middle has nothing to tell of quarters that passed before.
  if (!news || news === before || (before === undefined && news.endsWith('percent'))) return
  announce(`${name}: ${news}`)
}

/** Take note of a download that the page has met on its way, and say nothing. */
export function knowDownload(operation: Operation): void {
  remember(operation)
}

function remember(operation: Operation): string | null {
  const news = newsOf(operation)
  if (!news) return null
  heard.set(operation.taskId ?? '', news)
  const oldest = heard.keys().next().value
  if (heard.size > MOST_HEARD && oldest !== undefined) heard.delete(oldest)
  return news
}

function speak(): void {
  if (region) region.textContent = waiting.join('; ')
  waiting = []
}

function newsOf({ status, percent, error }: Operation): string | null {
  if (status === 'Pending') return 'waiting to download'
  if (status === 'Downloaded') return 'downloaded'
  if (status === 'Canceled') return 'download canceled'
  if (status === 'Failed') return `download failed. ${error?.detail ?? ''}`.trim()
  if (status !== 'Downloading') return null
  const quarter = Math.floor(percent / 25) * 25
  return quarter ? `${quarter} percent` : 'download started'
}
