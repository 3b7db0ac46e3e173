import { act, screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { http, HttpResponse } from 'msw'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { Operation } from '../../src/api/downloads'
import type { Reference } from '../../src/api/references'
import { type Model, modelsKey, type Usage } from '../../src/api/models'
import InfoDrawer from '../../src/info/info-drawer'
import { progress } from '../../src/live/progress'
import { aDownload, aHosted, aModel, modelFacts, renderPage } from '../make'
import { server } from '../server'

const HASH = `3f1c${'0'.repeat(56)}9ab2`
const DOWNLOADED: Partial<Model> = {
  downloadStatus: 'Downloaded',
  downloaded: true,
  downloadedAt: '2026-11-21T09:14:00',
  localPath: '/models/unsloth/Qwen3-0.6B-GGUF/Qwen3-0.6B-Q4_0.gguf',
  fileSizeBytes: 381_512_345,
  checksum: `sha256:${HASH}`,
  commitHash: 'a9b1c2d3e4'.repeat(4),
}
const aReference = (differs: Partial<Reference>): Reference => ({
  consumer: 'rag',
  name: 'handbook',
  policy: 'block',
  detail: null,
  expiresAt: null,
  isExpired: false,
  createdAt: '2026-11-21T08:00:00+00:00',
  updatedAt: '2026-11-21T08:00:00+00:00',
  ...differs,
})

let usage: Usage
let operations: Operation[]
let references: Reference[]
let onClose: ReturnType<typeof vi.fn<() => void>>

beforeEach(() => {
  onClose = vi.fn()
  operations = []
  references = []
  usage = {
    modelId: 7,
    isInstalled: true,
    sizeOnDiskBytes: 1,
    estimatedFreedBytes: 1,
    blockedBy: [],
    warnings: [],
    filesStay: false,
    formerBytes: 0,
    isDefault: false,
    loadedIn: [],
    activeOperation: null,
    canDelete: true,
    requiresConfirmation: false,
  }
})

function show(model: Model | null) {
  server.use(
    http.get('*/api/models', () => HttpResponse.json(model ? [model] : [])),
    http.get('*/api/models/:id/usage', () => HttpResponse.json(usage)),
    http.get('*/api/models/:id/references', () => HttpResponse.json(references)),
    http.get('*/api/operations', ({ request }) => {
      expect(new URL(request.url).searchParams.get('modelId')).toBe('7')
      return HttpResponse.json(operations)
    }),
    http.get('*/api/health', () => HttpResponse.json({ hub: { endpoint: 'https://hub.example' } })),
    http.get('*/api/downloads/queue', () => HttpResponse.json({ queued: [] })),
    http.get('*/api/downloads', () => HttpResponse.json([])),
  )
  return renderPage(<InfoDrawer id={model?.id ?? 7} open onClose={onClose} />)
}

/** A section's facts, `name: value`. */
async function facts(name: string): Promise<Record<string, string>> {
  const section = await screen.findByRole('region', { name })
  const names = within(section).getAllByRole('term')
  return Object.fromEntries(names.map((term) => [term.textContent, term.nextSibling?.textContent ?? '']))
}

describe('a downloaded model', () => {
  it('shows its file', async () => {
    show(aModel(DOWNLOADED))
    expect(await screen.findByRole('dialog', { name: 'Qwen3 0.6B' })).toBeVisible()
    expect(screen.getByText('Downloaded', { selector: 'span' })).toBeVisible()
    expect(await facts('File')).toEqual({
      Name: 'Qwen3-0.6B-Q4_0.gguf',
      Size: '382 MB',
      'SHA-256': '3f1c…9ab2',
      Path: '/models/unsloth/Qwen3-0.6B-GGUF/Qwen3-0.6B-Q4_0.gguf',
      Downloaded: '21 Nov 2026, 09:14',
      Revision: 'main',
      Commit: 'a9b1c2d3e4',
    })
  })

  it.each([
    ['node-1', 'node-1'],
    ['/cache', undefined],
    [null, undefined],
  ])('on the volume %s shows it if that has a name', async (volume, shown) => {
    show(aModel({ ...DOWNLOADED, volume }))
    expect((await facts('File')).Volume).toBe(shown)
  })

  it('shows what is known of it and nothing else', async () => {
    show(aModel(DOWNLOADED))
    expect(await facts('Model')).toMatchObject({
      Kind: 'LLM',
      Family: 'Qwen',
      Parameters: '0.6B',
      Quantization: 'Q4_0',
    })
    expect(screen.queryByText('Architecture')).toBeNull()
    expect(screen.queryByText('Context')).toBeNull()
  })

  it('shows what the file itself says before what its name says', async () => {
    show(
      aModel({
        ...DOWNLOADED,
        metadata: modelFacts({
          architecture: 'qwen3',
          family: 'Qwen',
          parameterCount: 596_049_920,
          quantization: { method: 'Q4_0', bits: 4 },
          contextLength: 40_960,
          hiddenSize: 1024,
          layers: 28,
          heads: 16,
          kvHeads: 8,
          headDim: 128,
          vocabSize: 151_936,
          dtype: 'bfloat16',
          isGenerative: true,
          license: 'apache-2.0',
          tags: ['gguf', 'chat'],
          baseModel: 'Qwen/Qwen3-0.6B',
          requiresTrustRemoteCode: true,
          weightsBytes: 381e6,
        }),
      }),
    )
    expect(await facts('Model')).toMatchObject({
      Architecture: 'qwen3',
      Parameters: '596M',
      Context: '40,960 tokens',
      License: 'apache-2.0',
      'Base model': 'Qwen/Qwen3-0.6B ',
      'Remote code': 'Needed: loading it runs code of the repository',
      Tags: 'ggufchat',
    })
    const base = screen.getByRole('link', { name: /^Qwen\/Qwen3-0.6B/ })
    await waitFor(() => expect(base).toHaveAttribute('href', 'https://hub.example/Qwen/Qwen3-0.6B'))
    expect(await facts('Dimensions')).toEqual({
      Layers: '28',
      'Hidden size': '1,024',
      'Attention heads': '16',
      'KV heads': '8',
      'Head size': '128',
      Vocabulary: '151,936',
      'Data type': 'bfloat16',
      Weights: '381 MB',
      'KV cache': 'Grows with the context',
    })
  })

  it('has the whole checksum copied', async () => {
    const user = userEvent.setup()
    show(aModel(DOWNLOADED))
    await user.click(await screen.findByRole('button', { name: 'Copy checksum' }))
    expect(await navigator.clipboard.readText()).toBe(HASH)
  })

  it('leads to its repository, to editing and to deleting', async () => {
    show(aModel(DOWNLOADED))
    const out = await screen.findByRole('link', { name: 'Hugging Face' })
    expect(out).toHaveAttribute('target', '_blank')
    await waitFor(() => expect(out).toHaveAttribute('href', 'https://hub.example/unsloth/Qwen3-0.6B-GGUF'))
    expect(screen.getByRole('link', { name: 'Edit' })).toHaveAttribute('href', '/models/7/edit')
    await userEvent.click(screen.getByRole('button', { name: 'Delete Qwen3 0.6B…' }))
    expect(location.search).toBe('?delete=7')
  })
})

describe('used by', () => {
  it('nobody', async () => {
    show(aModel())
    expect(await screen.findByText('Nothing references this model.')).toBeVisible()
  })

  it('those who forbid its deletion, and what else is to be known', async () => {
    references = [
      aReference({ detail: 'Collection' }),
      aReference({ name: 'board', policy: 'warn', expiresAt: '2026-12-01T10:00:00' }),
      aReference({ name: 'run 8', expiresAt: '2026-11-01T10:00:00', isExpired: true }),
    ]
    usage.warnings = ['1 use by rag would break.', 'It is a default model of this installation.']
    show(aModel())
    const section = await screen.findByRole('region', { name: 'Used by' })
    await waitFor(() => expect(within(section).getAllByRole('listitem')).toHaveLength(4))
    expect(
      within(section)
        .getAllByRole('listitem')
        .map((use) => use.textContent),
    ).toEqual([
      'handbook Forbids deletionrag, Collection',
      'board Warnsrag, expires 1 Dec 2026, 10:00',
      'run 8 Expiredrag, until 1 Nov 2026, 10:00',
      'It is a default model of this installation.',
    ])
  })

  it('is asked for again when it could not be told', async () => {
    show(aModel())
    server.use(
      http.get('*/api/models/7/usage', () => HttpResponse.json({ detail: 'Away.' }, { status: 503 }), {
        once: true,
      }),
    )
    const section = await screen.findByRole('region', { name: 'Used by' })
    await userEvent.click(await within(section).findByRole('button', { name: 'Try again' }))
    expect(await screen.findByText('Nothing references this model.')).toBeVisible()
  })
})

it('shows the history, the latest first', async () => {
  const error = { code: 'DOWNLOAD_STALLED', detail: 'No byte arrived for a long time.', remedy: '' }
  operations = [
    aDownload({ taskId: 'a', status: 'completed', bytesDownloaded: 381e6, startedAt: '2026-11-21T09:14:00' }),
    aDownload({ taskId: 'b', status: 'failed', error }),
    aDownload({ taskId: 'c', status: 'canceled', bytesTotal: 381e6, percent: 12 }),
  ]
  show(aModel(DOWNLOADED))
  const entries = within(await screen.findByRole('region', { name: 'History' }))
  await waitFor(() => expect(entries.getAllByRole('listitem')).toHaveLength(3))
  const texts = entries.getAllByRole('listitem').map((entry) => entry.textContent)
  expect(texts[0]).toBe('DownloadDone21 Nov 2026, 09:14381 MB')
  expect(texts[1]).toMatch(/^DownloadFailed.*No byte arrived for a long time\.$/)
  expect(texts[2]).toMatch(/^DownloadCanceled.*12% of 381 MB$/)
})

describe('a failed download', () => {
  const error = { code: 'DISK_FULL', detail: 'The volume is full.', remedy: 'Make room.' }

  it('has its cause, its remedy and one way to try again', async () => {
    show(aModel({ downloadStatus: 'Failed', error }))
    const started = vi.fn()
    server.use(
      http.post('*/api/models/7/download', () => {
        started()
        return HttpResponse.json(aDownload({ status: 'Pending' }), { status: 202 })
      }),
      http.get('*/api/models/7', () => HttpResponse.json(aModel({ downloadStatus: 'Pending' }))),
    )
    expect(await screen.findByText('The volume is full.')).toBeVisible()
    expect(screen.getByText('Make room.')).toBeVisible()
    await userEvent.click(screen.getByRole('button', { name: 'Retry' }))
    await waitFor(() => expect(started).toHaveBeenCalledTimes(1))
    await waitFor(() => expect(screen.queryByText('The volume is full.')).toBeNull())
  })
})

const UNREADABLE = {
  code: 'UNDECRYPTABLE_SECRET',
  detail: "A stored secret can't be decrypted.",
  remedy: 'Enter the secret again.',
}

it('tells that the token of a model can not be read, whatever became of its download', async () => {
  show(aModel({ ...DOWNLOADED, error: UNREADABLE }))
  expect(await screen.findByText(UNREADABLE.detail)).toBeVisible()
  expect(screen.getByText(UNREADABLE.remedy)).toBeVisible()
  expect(screen.getByText('Downloaded', { selector: 'span' })).toBeVisible()
  expect(screen.queryByRole('button', { name: 'Retry' })).toBeNull()
})

describe('files that can run code', () => {
  it.each([
    [['model.pkl'], 'Loading this file can run code: model.pkl.Use it only if you trust'],
    [['a.bin', 'b.bin'], 'Loading these files can run code: a.bin, b.bin.Use them only if you trust'],
    [['a.bin', 'b.bin', 'c.pt', 'd.pt', 'e.pt'], 'can run code: a.bin, b.bin, c.pt and 2 more.'],
  ])('%j are warned of', async (unsafeFiles, words) => {
    show(aModel({ ...DOWNLOADED, unsafeFiles }))
    expect(await screen.findByRole('dialog', { name: 'Qwen3 0.6B' })).toHaveTextContent(words)
  })

  it.each([[[]], [null]])('are not made up of %j', async (unsafeFiles) => {
    show(aModel({ ...DOWNLOADED, unsafeFiles }))
    expect(await screen.findByRole('dialog', { name: 'Qwen3 0.6B' })).not.toHaveTextContent('can run code')
  })
})

it('moves while the model is downloading', async () => {
  show(aModel({ downloadStatus: 'Downloading' }))
  await screen.findByRole('dialog', { name: 'Qwen3 0.6B' })
  act(() => progress.update([aDownload({ percent: 61.3 })]))
  expect(screen.getByText('61%')).toBeVisible()
  expect(screen.getByRole('button', { name: 'Cancel' })).toBeEnabled()
})

describe('a hosted model', () => {
  const connection = { ok: true, testedAt: '2026-11-21T08:00:00Z', latencyMs: 182, error: null }

  it('shows how it is reached, and of its key only whether there is one', async () => {
    show(aHosted({ provider: 'azure-openai', deployment: 'gpt-41', apiVersion: '2024-10-21', connection }))
    expect(await facts('Connection')).toMatchObject({
      Provider: 'Azure OpenAI',
      'Base URL': 'https://api.openai.com/v1',
      Deployment: 'gpt-41',
      'API version': '2024-10-21',
      'API key': 'Set',
      'Last test': expect.stringMatching(/^Answered in 182 ms, /),
    })
    expect(screen.queryByRole('region', { name: 'History' })).toBeNull()
    expect(screen.queryByRole('link', { name: 'Hugging Face' })).toBeNull()
  })

  it('whose key can not be read is failing, however its last test went', async () => {
    show(aHosted({ connection, error: UNREADABLE }))
    expect(await screen.findByText(UNREADABLE.detail)).toBeVisible()
    expect(screen.getByText(UNREADABLE.remedy)).toBeVisible()
    expect(screen.getByText('Failing')).toBeVisible()
    expect(screen.queryByText('Connected')).toBeNull()
  })

  it('that was never tested says so, and is tested from here', async () => {
    show(aHosted({ hasApiKey: false }))
    expect(await facts('Connection')).toMatchObject({ 'API key': 'None', 'Last test': 'Not tested' })
    server.use(
      http.post('*/api/models/test-connection', () =>
        HttpResponse.json({ ok: true, latencyMs: 95, models: [], error: null }),
      ),
      http.get('*/api/models/8', () => HttpResponse.json(aHosted({ connection }))),
    )
    await userEvent.click(screen.getByRole('button', { name: 'Test connection' }))
    await waitFor(async () =>
      expect(await facts('Connection')).toMatchObject({ 'Last test': expect.stringMatching(/^Answered/) }),
    )
  })

  it('that fails says why and what to do', async () => {
    const error = { code: 'UNAUTHENTICATED', detail: 'The key was rejected.', remedy: 'Replace the key.' }
    show(aHosted({ connection: { ...connection, ok: false, error } }))
    expect(await screen.findByText('The key was rejected.', { selector: 'div' })).toBeVisible()
    expect(screen.getByText('Replace the key.', { selector: 'div' })).toBeVisible()
  })
})

describe('a model that there is not', () => {
  it('is said to be gone', async () => {
    show(null)
    expect(await screen.findByText('There is no such model')).toBeVisible()
    await userEvent.click(screen.getAllByRole('button', { name: 'Close' }).at(-1) as HTMLElement)
    expect(onClose).toHaveBeenCalled()
  })

  it('may have been there a moment ago', async () => {
    const { queries } = show(aModel())
    await screen.findByRole('dialog', { name: 'Qwen3 0.6B' })
    act(() => void queries.setQueryData(modelsKey, []))
    expect(await screen.findByText('There is no such model')).toBeVisible()
  })
})

it('says so when the list could not be read', async () => {
  show(aModel())
  server.use(http.get('*/api/models', () => HttpResponse.json({ detail: 'Away.' }, { status: 503 })))
  expect(await screen.findByRole('alert')).toHaveTextContent("The model can't be shown")
})
