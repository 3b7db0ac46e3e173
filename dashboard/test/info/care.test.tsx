/** Verify, repair, update and keep, in the details of a model. */
import { act, screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { http, HttpResponse } from 'msw'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { Me } from '../../src/api/auth'
import type { Operation } from '../../src/api/downloads'
import { type Model, modelsKey } from '../../src/api/models'
import type { Update } from '../../src/api/updates'
import InfoDrawer from '../../src/info/info-drawer'
import { progress } from '../../src/live/progress'
import { aDownload, aModel, renderPage } from '../make'
import { server } from '../server'

const COMMIT = 'a9b1c2d3e4'.repeat(4)
const FORMER = '77aabbccdd'.repeat(4)
const LATEST = 'c0ffee1234'.repeat(4)
const HERE: Partial<Model> = {
  downloadStatus: 'Downloaded',
  downloaded: true,
  fileSizeBytes: 9e9,
  commitHash: COMMIT,
  verifiedAt: '2026-11-12T17:34:00',
}
const NEWS: Update = {
  revision: 'main',
  commitHash: COMMIT,
  latestCommit: LATEST,
  hasMoved: true,
  bytesToFetch: 401e6,
  files: [
    { path: 'model.gguf', change: 'changed', sizeBytes: 401e6 },
    { path: 'README.md', change: 'added', sizeBytes: 8100 },
    { path: 'old.json', change: 'removed', sizeBytes: 0 },
  ],
  former: null,
}

/** What the server has. */
let model: Model
let task: Operation
/** What it was asked to do. */
let sent: [string, unknown][]

beforeEach(() => {
  sent = []
  task = aDownload({ operation: 'verify', status: 'running', phase: 'verifying' })
})

function show(differs: Partial<Model> = {}, role: Me['role'] = 'admin') {
  model = aModel({ ...HERE, ...differs })
  const accept = async ({ request }: { request: Request }) => {
    const { pathname } = new URL(request.url)
    sent.push([`${request.method} ${pathname}`, await request.json().catch(() => null)])
    return HttpResponse.json(task, { status: 202 })
  }
  server.use(
    http.get('*/api/models', () => HttpResponse.json([model])),
    http.get('*/api/models/7', () => HttpResponse.json(model)),
    http.get('*/api/models/7/usage', () => HttpResponse.json({ blockedBy: [], warnings: [] })),
    http.get('*/api/models/7/references', () => HttpResponse.json([])),
    http.get('*/api/operations', () => HttpResponse.json([])),
    http.get('*/api/health', () => HttpResponse.json({ hub: { endpoint: 'https://hub.example' } })),
    http.get('*/api/downloads/queue', () => HttpResponse.json({ queued: [] })),
    http.get('*/api/tasks/:id', () => HttpResponse.json(task)),
    http.get('*/api/models/7/update', () => HttpResponse.json(NEWS)),
    http.post('*/api/models/7/verify', accept),
    http.post('*/api/models/7/update', accept),
    http.post('*/api/models/7/cancel-download', accept),
  )
  return renderPage(<InfoDrawer id={7} open onClose={() => {}} />, role)
}

const part = (name: string) => screen.findByRole('region', { name })
const press = async (name: string | RegExp) => userEvent.click(await screen.findByRole('button', { name }))
/** The operation ends, and the stream tells what the model has become. */
function end(
  queries: { setQueryData: (key: readonly string[], models: Model[]) => unknown },
  ended: Partial<Operation>,
  differs: Partial<Model> = {},
) {
  task = { ...task, status: 'completed', percent: 100, updatedAt: '2026-11-21T09:00:00+00:00', ...ended }
  model = { ...model, activeOperation: null, ...differs }
  act(() => void queries.setQueryData(modelsKey, [model]))
}

describe('verify', () => {
  it('says when every byte was right last', async () => {
    show()
    expect(await part('Integrity')).toHaveTextContent('12 Nov 2026, 17:34')
  })

  it('moves with the stream, and ends with every byte right', async () => {
    const { queries } = show()
    await screen.findByRole('button', { name: 'Verify' })
    model = { ...model, activeOperation: task }
    await press('Verify')
    expect(sent).toEqual([['POST /api/models/7/verify', null]])
    const bar = await screen.findByRole('progressbar', { name: 'Verification of Qwen3 0.6B' })
    expect(bar).toHaveAttribute('aria-valuenow', '43')
    act(() => progress.update([{ ...task, percent: 61, updatedAt: '2026-11-21T08:30:00+00:00' }]))
    expect(await part('Integrity')).toHaveTextContent('Verifying 61%')
    expect(screen.queryByRole('button', { name: 'Verify' })).toBeNull()
    end(queries, { result: 'intact' }, { verifiedAt: '2026-11-21T09:00:00' })
    expect(await screen.findByText('Every byte is right')).toBeVisible()
    expect(screen.getByText('Verified 21 Nov 2026, 09:00.')).toBeVisible()
    expect(screen.queryByRole('progressbar')).toBeNull()
  })

  it('that found damage lists the files; Repair fetches them', async () => {
    const error = { code: 'CHECKSUM_MISMATCH', detail: '2 files are not right.', remedy: 'Repair them.' }
    show({
      downloaded: false,
      downloadStatus: 'Failed',
      error,
      damagedFiles: [
        { path: 'a.gguf', problem: 'corrupt' },
        { path: 'b.json', problem: 'missing' },
      ],
    })
    expect(await screen.findByText('2 files are not right.')).toBeVisible()
    const files = within(screen.getByRole('list', { name: 'Damaged files' })).getAllByRole('listitem')
    expect(files.map((file) => file.textContent)).toEqual(['a.ggufdamaged', 'b.jsonmissing'])
    const started = vi.fn()
    server.use(
      http.post('*/api/models/7/download', () => {
        started()
        return HttpResponse.json(aDownload({ status: 'Pending' }), { status: 202 })
      }),
    )
    await press('Repair')
    expect(started).toHaveBeenCalledTimes(1)
    expect(screen.queryByRole('button', { name: 'Verify' })).toBeNull()
  })

  it('may be canceled', async () => {
    show({ activeOperation: task })
    await press('Cancel verification')
    expect(sent).toEqual([['POST /api/models/7/cancel-download', { purge: false }]])
    expect(await screen.findByText('Verification of Qwen3 0.6B canceled')).toBeVisible()
  })

  it('that could not be done says why', async () => {
    const { queries } = show({ activeOperation: task })
    await screen.findByRole('progressbar', { name: 'Verification of Qwen3 0.6B' })
    const error = {
      code: 'CACHE_PERMISSION_DENIED',
      detail: 'The cache can not be read.',
      remedy: 'Allow it.',
    }
    end(queries, { status: 'failed', error })
    expect(await screen.findByRole('alert')).toHaveTextContent('The cache can not be read.Allow it.')
  })

  it('that is refused says so', async () => {
    show()
    server.use(
      http.post('*/api/models/7/verify', () =>
        HttpResponse.json({ code: 'OPERATION_CONFLICT', detail: 'A delete is active.' }, { status: 409 }),
      ),
    )
    await press('Verify')
    expect(await screen.findByRole('alert')).toHaveTextContent('A delete is active.')
  })

  it('ends although the stream has not told', async () => {
    show({ activeOperation: task })
    await screen.findByRole('progressbar', { name: 'Verification of Qwen3 0.6B' })
    task = { ...task, status: 'completed', result: 'intact' }
    model = { ...model, activeOperation: null }
    expect(await screen.findByText('Every byte is right')).toBeVisible()
  })
})

describe('update', () => {
  beforeEach(() => {
    task = aDownload({ operation: 'update', status: 'running', percent: 12, bytesTotal: 401e6 })
  })

  it('tells before what would change, and fetches it', async () => {
    const { queries } = show()
    await press('Check for an update')
    const section = await part('Update')
    await waitFor(() =>
      expect(section).toHaveTextContent('main has moved on to c0ffee1234: 3 files would change'),
    )
    const files = within(screen.getByRole('list', { name: 'Files that would change' })).getAllByRole(
      'listitem',
    )
    expect(files.map((file) => file.textContent)).toEqual([
      'model.ggufchanged, 401 MB',
      'README.mdnew, 8.1 kB',
      'old.jsonremoved',
    ])
    model = { ...model, activeOperation: task }
    await press('Update and fetch 401 MB')
    expect(sent).toEqual([['POST /api/models/7/update', {}]])
    expect(await screen.findByRole('progressbar', { name: 'Update of Qwen3 0.6B' })).toBeVisible()
    expect(screen.getAllByText('Updating 12%').length).toBeGreaterThan(0)
    expect(screen.getByText('Downloaded', { selector: 'span' })).toBeVisible()
    server.use(
      http.get('*/api/models/7/update', () =>
        HttpResponse.json({ ...NEWS, commitHash: LATEST, hasMoved: false, files: [], bytesToFetch: 0 }),
      ),
    )
    end(queries, { result: 'updated' }, { commitHash: LATEST, formerCommit: COMMIT })
    expect(await screen.findByText('Updated')).toBeVisible()
    expect(screen.getByRole('button', { name: 'Return to it' })).toBeVisible()
  })

  it('says that there is none', async () => {
    show()
    server.use(
      http.get('*/api/models/7/update', () => HttpResponse.json({ ...NEWS, hasMoved: false, files: [] })),
    )
    await press('Check for an update')
    expect(await screen.findByText('Up to date')).toBeVisible()
    expect(screen.queryByRole('button', { name: /^Update/ })).toBeNull()
    expect(screen.getByRole('button', { name: 'Check again' })).toBeVisible()
  })

  it('that the Hub does not tell of may be asked for again', async () => {
    show()
    server.use(
      http.get(
        '*/api/models/7/update',
        () => HttpResponse.json({ detail: 'The Hub does not answer.' }, { status: 503 }),
        { once: true },
      ),
    )
    await press('Check for an update')
    expect(await screen.findByRole('alert')).toHaveTextContent('The Hub does not answer.')
    await press('Check again')
    expect(await screen.findByRole('button', { name: 'Update and fetch 401 MB' })).toBeVisible()
  })

  it('that fails leaves the model as it was, and says so', async () => {
    const { queries } = show({ activeOperation: task })
    await screen.findByRole('progressbar', { name: 'Update of Qwen3 0.6B' })
    const error = { code: 'DOWNLOAD_STALLED', detail: 'No byte arrived.', remedy: 'Try again.' }
    end(queries, { status: 'failed', error })
    expect(await screen.findByRole('alert')).toHaveTextContent(
      'No byte arrived.Try again. The model is as it was before.',
    )
  })

  it('leads back to the former commit', async () => {
    show({ formerCommit: FORMER })
    expect(await part('Update')).toHaveTextContent('Before: 77aabbccdd')
    await press('Return to it')
    expect(sent).toEqual([['POST /api/models/7/update', { commitHash: FORMER }]])
  })
})

describe('keep', () => {
  it('pins the model', async () => {
    show()
    const patched = vi.fn()
    server.use(
      http.patch('*/api/models/7', async ({ request }) => {
        patched(await request.json())
        return HttpResponse.json({ ...model, isPinned: true })
      }),
    )
    await userEvent.click(await screen.findByRole('switch', { name: /^Keep/ }))
    expect(await screen.findByText('Pinned')).toBeVisible()
    expect(patched).toHaveBeenCalledWith({ isPinned: true })
    expect(screen.getByRole('switch', { name: /^Keep/ })).toBeChecked()
  })

  it('that is refused goes back', async () => {
    show()
    server.use(http.patch('*/api/models/7', () => HttpResponse.json({ detail: 'Away.' }, { status: 503 })))
    await userEvent.click(await screen.findByRole('switch', { name: /^Keep/ }))
    expect(await screen.findAllByText('Qwen3 0.6B could not be changed')).not.toHaveLength(0)
    expect(screen.getByRole('switch', { name: /^Keep/ })).not.toBeChecked()
  })
})

it('has a badge for what is special', async () => {
  show({ isPinned: true, isDefault: true, catalogId: 'qwen3' })
  for (const badge of ['Default', 'Pinned', 'In the catalog'])
    expect(await screen.findByText(badge)).toBeVisible()
})

it('offers a viewer nothing of it', async () => {
  show({ isPinned: true }, 'viewer')
  expect(await part('Integrity')).toHaveTextContent('12 Nov 2026')
  expect(screen.getByText('Pinned')).toBeVisible()
  expect(screen.queryByRole('button', { name: /Verify|Check|Update/ })).toBeNull()
  expect(screen.queryByRole('switch')).toBeNull()
})

it('offers none of it for a path of the server, whose files stay', async () => {
  show({ source: 'path', hfRepo: null, modelFile: null, localPath: '/srv/x.gguf' })
  expect(await screen.findByText('Its files stay where they are')).toBeVisible()
  expect(screen.queryByRole('region', { name: 'Integrity' })).toBeNull()
  expect(screen.queryByRole('switch')).toBeNull()
})
