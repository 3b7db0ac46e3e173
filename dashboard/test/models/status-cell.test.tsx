import { act, screen } from '@testing-library/react'
import { HttpResponse, http } from 'msw'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Model } from '../../src/api/models'
import { progress } from '../../src/live/progress'
import { stateOf } from '../../src/models/states'
import { StatusCell } from '../../src/models/status-cell'
import { aDownload, aHosted, aModel, renderPage } from '../make'
import { server } from '../server'

afterEach(() => vi.useRealTimers())

const show = (model: Model, download?: Parameters<typeof aDownload>[0]) => {
  if (download) progress.replace([aDownload(download)])
  return renderPage(<StatusCell model={model} />).container
}

test('a download shows percent, bytes, speed, a named bar and the time left', () => {
  const cell = show(aModel({ name: 'Qwen3 14B', downloadStatus: 'Downloading' }), {})
  expect(cell).toHaveTextContent('43%3.91 GB of 9.0 GB86.4 MB/s59 s left')
  expect(screen.getByRole('progressbar', { name: 'Download of Qwen3 14B' })).toHaveAttribute(
    'aria-valuenow',
    '43',
  )
})

test('it moves with the stream', () => {
  const cell = show(aModel({ downloadStatus: 'Downloading' }), {})
  act(() => progress.update([aDownload({ percent: 51, updatedAt: '2026-11-21T08:00:12+00:00' })]))
  expect(cell).toHaveTextContent('51%')
})

test('before the stream has spoken the list itself tells how far it is', () => {
  const cell = show(aModel({ downloadStatus: 'Downloading', activeOperation: aDownload({ percent: 12 }) }))
  expect(cell).toHaveTextContent('12%')
})

test.each([
  ['a total that is not known', { bytesTotal: null, percent: 0 }, 'Preparing…'],
  ['resolving', { phase: 'resolving', percent: 0 }, 'Preparing…'],
  ['verifying', { phase: 'verifying', percent: 100 }, 'Verifying'],
  ['publishing', { phase: 'publishing', percent: 100 }, 'Verifying'],
] as const)('%s: a word and a bar without a percent', (_, download, word) => {
  const cell = show(aModel({ downloadStatus: 'Downloading' }), download)
  expect(cell).toHaveTextContent(new RegExp(`^${word}$`))
  expect(screen.getByRole('progressbar')).not.toHaveAttribute('aria-valuenow')
})

test('a stalled one says so and shows no speed', () => {
  const cell = show(aModel({ downloadStatus: 'Downloading' }), { stalledSeconds: 25 })
  expect(cell).toHaveTextContent('43%Stalled, retrying')
  expect(cell).not.toHaveTextContent('MB/s')
})

test('a paused one shows how far it came', () => {
  const paused = {
    status: 'Paused' as const,
    phase: null,
    percent: 44.8,
    bytesDownloaded: 1.12e9,
    bytesTotal: 2.5e9,
  }
  expect(show(aModel({ downloadStatus: 'Paused' }), paused)).toHaveTextContent(
    'Paused44% · 1.12 GB of 2.5 GB',
  )
})

const showWaiting = (more: Parameters<typeof aDownload>[0]) => {
  const queued = {
    ...aDownload({ status: 'pending', ...more }),
    modelName: null,
    repo: null,
    filename: null,
    revision: null,
    position: 2,
  }
  server.use(
    http.get('*/api/downloads/queue', () =>
      HttpResponse.json({ active: [], queued: [queued], paused: [], failed: [], completed: [] }),
    ),
  )
  return show(aModel({ downloadStatus: 'Pending' }))
}

test('one that waits tells its place, which is asked for only then', async () => {
  showWaiting({})
  expect(screen.getByText('Pending')).toBeVisible()
  expect(await screen.findByText('2nd in queue')).toBeVisible()
})

test('one that waits because it failed tells why, and that nobody has to do anything', async () => {
  const error = { code: 'HUB_UNAVAILABLE', detail: 'The Hub answered 503.', remedy: 'Try again later.' }
  const cell = showWaiting({ error })
  expect(await screen.findByText('The Hub answered 503.')).toBeVisible()
  expect(cell).toHaveTextContent('PendingThe Hub answered 503. It tries again by itself.')
})

test('a failed one tells the cause, and its remedy to those who cannot point', () => {
  const error = {
    code: 'GATED_MODEL_NO_TOKEN',
    detail: 'Your token has no access.',
    remedy: 'Accept the licence.',
  }
  const cell = show(aModel({ downloadStatus: 'Failed', error }))
  expect(cell).toHaveTextContent('FailedYour token has no access. Accept the licence.')
})

const canceled = (bytesDownloaded: number, modelId = 7) => ({
  ...aDownload({ status: 'canceled', modelId, bytesDownloaded }),
  position: null,
})

test('a canceled one tells how much of the latest attempt is kept', async () => {
  server.use(
    http.get('*/api/downloads', () => HttpResponse.json([canceled(9e9, 8), canceled(1.1e9), canceled(2e8)])),
  )
  show(aModel({ downloadStatus: 'Canceled' }))
  expect(await screen.findByText('1.1 GB kept')).toBeVisible()
})

test('a canceled one that kept nothing, or of which nobody knows, claims nothing', async () => {
  let asked = 0
  server.use(
    http.get('*/api/downloads', () => {
      asked += 1
      return HttpResponse.json([])
    }),
  )
  const cell = show(aModel({ downloadStatus: 'Canceled' }))
  await vi.waitFor(() => expect(asked).toBe(1))
  expect(cell).toHaveTextContent(/^Canceled$/)
})

test.each([
  ['Downloaded', 'Downloaded'],
  ['NotDownloaded', 'Available'],
] as const)('%s is called %s', (downloadStatus, word) => {
  expect(show(aModel({ downloadStatus }))).toHaveTextContent(word)
})

test('while it is deleted it says so, whatever it was', () => {
  const going = aDownload({ operation: 'delete', status: 'running' })
  expect(show(aModel({ downloadStatus: 'Downloaded', activeOperation: going }))).toHaveTextContent(
    /^Deleting…$/,
  )
})

test('a download that runs again counts more than the failure that the list still has', () => {
  expect(show(aModel({ downloadStatus: 'Failed' }), {})).toHaveTextContent('43%')
})

test('a hosted model tells of its last test, whose age ticks every 15 s', () => {
  vi.useFakeTimers({ now: Date.parse('2026-11-21T08:00:12Z') })
  const connection = { ok: true, testedAt: '2026-11-21T08:00:00Z', latencyMs: 231, error: null }
  const cell = show(aHosted({ connection }))
  expect(cell).toHaveTextContent('Connectedchecked 12 s ago')
  act(() => vi.advanceTimersByTime(14_000))
  expect(cell).toHaveTextContent('checked 12 s ago')
  act(() => vi.advanceTimersByTime(1000))
  expect(cell).toHaveTextContent('checked 27 s ago')
})

test('a hosted model that fails tells why, and one that nobody tested says that', () => {
  const error = { code: 'INVALID_API_KEY', detail: 'The key was rejected.', remedy: 'Replace it.' }
  const connection = { ok: false, testedAt: new Date().toISOString(), latencyMs: 100, error }
  expect(show(aHosted({ connection }))).toHaveTextContent(
    'Failingchecked just now. The key was rejected. Replace it.',
  )
  expect(show(aHosted())).toHaveTextContent('Not tested')
})

describe('a secret that can not be read', () => {
  const error = {
    code: 'UNDECRYPTABLE_SECRET',
    detail: 'It can not be decrypted.',
    remedy: 'Enter it again.',
  }

  test('makes a hosted model fail, however its last test went', () => {
    const connection = { ok: true, testedAt: '2026-11-21T08:00:00Z', latencyMs: 182, error: null }
    expect(show(aHosted({ connection, error }))).toHaveTextContent(
      'FailingIt can not be decrypted. Enter it again.',
    )
    expect(stateOf(aHosted({ connection, error }))).toBe('Failing')
  })

  test.each([
    ['NotDownloaded', 'Available'],
    ['Downloaded', 'Downloaded'],
    ['Canceled', 'Canceled'],
  ] as const)('is told beside a local model that is %s', (downloadStatus, word) => {
    expect(show(aModel({ downloadStatus, error }))).toHaveTextContent(
      `${word}It can not be decrypted. Enter it again.`,
    )
  })

  test('is not what an old failure of a download is', () => {
    const old = { code: 'DOWNLOAD_STALLED', detail: 'No byte arrived.', remedy: '' }
    expect(show(aModel({ downloadStatus: 'Downloaded', error: old }))).toHaveTextContent(/^Downloaded$/)
  })
})

test.each([
  ['verify', {}, 'Verifying 43%'],
  ['verify', { status: 'pending' }, 'Waiting to verify'],
  ['update', {}, 'Updating 43%'],
  ['update', { bytesTotal: null, percent: 0 }, 'Updating…'],
] as const)('a model that is here stays so during its %s (%j)', (operation, differs, words) => {
  const activeOperation = aDownload({ operation, status: 'running', ...differs })
  const cell = show(aModel({ downloadStatus: 'Downloaded', downloaded: true, activeOperation }))
  expect(cell).toHaveTextContent(new RegExp(`^Downloaded${words}$`))
})

test('an update moves with the stream, and ends when the model says so', () => {
  const activeOperation = aDownload({ operation: 'update', status: 'running' })
  const model = aModel({ downloadStatus: 'Downloaded', downloaded: true, activeOperation })
  progress.update([{ ...activeOperation, percent: 77 }])
  const { container, unmount } = renderPage(<StatusCell model={model} />)
  expect(container).toHaveTextContent('Updating 77%')
  unmount()
  expect(renderPage(<StatusCell model={{ ...model, activeOperation: null }} />).container).toHaveTextContent(
    /^Downloaded$/,
  )
})
