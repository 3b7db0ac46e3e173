import { screen, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { HttpResponse, http } from 'msw'
import { beforeEach, expect, test } from 'vitest'
import type { RepoPreview, Variant } from '../../src/api/hub'
import type { Model } from '../../src/api/models'
import { MenuHost } from '../../src/models/menu-host'
import Repositories from '../../src/models/repositories'
import { aPreview, aVariant as aFile } from '../hub'
import { aDownload, aHosted, aModel, modelFacts, renderPage } from '../make'
import { server } from '../server'
import { aStorage, serve } from './make'

const q4 = aModel({
  id: 1,
  name: 'Qwen3 0.6B',
  downloadStatus: 'Downloaded',
  downloaded: true,
  fileSizeBytes: 381e6,
})
const bf16 = aModel({
  id: 2,
  name: 'Qwen3 0.6B BF16',
  modelFile: 'Qwen3-0.6B-BF16.gguf',
  downloadStatus: 'Failed',
})
const bge = aModel({ id: 3, name: 'BGE M3', hfRepo: 'BAAI/bge-m3', modelFile: null })

const show = (shown: readonly Model[], all = shown) =>
  renderPage(
    <>
      <Repositories shown={shown} all={all} />
      <MenuHost />
    </>,
  )
const card = (name: string) => screen.getByRole('region', { name })

const aVariant = (filename: string, method: string, differs: Partial<Variant> = {}): Variant =>
  aFile(method, 0.639, { filename, fileNames: [filename], ...differs })

function serveRepo(differs: Partial<RepoPreview> = {}) {
  const preview = aPreview({
    repo: 'unsloth/Qwen3-0.6B-GGUF',
    likes: 2210,
    tags: ['text-generation', 'gguf', 'conversational', 'more'],
    variants: [
      aVariant('Qwen3-0.6B-Q4_0.gguf', 'Q4_0', { modelId: 1, status: 'downloaded' }),
      aVariant('Qwen3-0.6B-Q8_0.gguf', 'Q8_0', { recommended: true }),
    ],
    ...differs,
  })
  server.use(http.get('*/api/hub/repo', () => HttpResponse.json(preview)))
}

beforeEach(() => serve([]))

test('a card for each repository with its registered variants, then the models that have none', () => {
  const path = aModel({
    id: 5,
    name: 'House',
    source: 'path',
    hfRepo: null,
    modelFile: null,
    localPath: '/srv/house.gguf',
  })
  show([aHosted({ id: 4 }), q4, bge, bf16, path])
  expect(screen.getAllByRole('heading').map((one) => one.textContent)).toEqual([
    'unsloth/Qwen3-0.6B-GGUF',
    'BAAI/bge-m3',
    'Hosted models',
    'Local paths',
  ])
  const rows = within(card('unsloth/Qwen3-0.6B-GGUF')).getAllByRole('row').slice(1)
  expect(rows.map((row) => row.textContent)).toEqual(['Q4_0381 MBDownloaded', 'BF16–FailedRetry'])
  expect(card('BAAI/bge-m3')).toHaveTextContent('Whole repository')
  expect(card('Hosted models')).toHaveTextContent('GPT-5 miniOpenAINot tested')
})

test('what filters leave out is not offered again as another variant', async () => {
  serveRepo()
  show([bf16], [q4, bf16])
  await userEvent.click(screen.getByRole('button', { name: 'Show other variants' }))
  expect(
    await screen.findByRole('button', { name: 'Get Q8_0 of unsloth/Qwen3-0.6B-GGUF, 639 MB' }),
  ).toBeVisible()
  expect(screen.getAllByRole('row').slice(1)).toHaveLength(2)
})

test('other variants come from the Hub, with what it says of the repository', async () => {
  serveRepo()
  show([q4])
  expect(card('unsloth/Qwen3-0.6B-GGUF')).not.toHaveTextContent('likes')
  const button = screen.getByRole('button', { name: 'Show other variants' })
  await userEvent.click(button)
  expect(await screen.findByText('Best fit')).toBeVisible()
  expect(screen.getAllByRole('row').at(-1)).toHaveTextContent('Q8_0Best fit639 MBAvailable639 MB')
  expect(card('unsloth/Qwen3-0.6B-GGUF')).toHaveTextContent(
    '0.6B · Qwen40k context 2,210 likesapache-2.0#text-generation #gguf #conversational',
  )
  expect(button).toHaveAttribute('aria-expanded', 'true')
  await userEvent.click(screen.getByRole('button', { name: 'Hide other variants' }))
  expect(screen.queryByText('Best fit')).not.toBeInTheDocument()
})

test('Get asks for the file of the repository', async () => {
  serveRepo()
  let asked: unknown
  server.use(
    http.post('*/api/downloads', async ({ request }) => {
      asked = await request.json()
      return HttpResponse.json(aDownload({ modelId: 9, status: 'pending' }), { status: 202 })
    }),
    http.get('*/api/models/9', () => HttpResponse.json(aModel({ id: 9 }))),
  )
  show([q4])
  await userEvent.click(screen.getByRole('button', { name: 'Show other variants' }))
  await userEvent.click(await screen.findByRole('button', { name: /^Get Q8_0/ }))
  expect(asked).toEqual({
    repo: 'unsloth/Qwen3-0.6B-GGUF',
    filename: 'Qwen3-0.6B-Q8_0.gguf',
    revision: 'main',
  })
})

test('a refusal of the Hub is told on the card and can be tried again', async () => {
  const refusal = {
    code: 'HUB_UNAVAILABLE',
    detail: 'Hugging Face does not answer.',
    remedy: 'Try again later.',
  }
  server.use(http.get('*/api/hub/repo', () => HttpResponse.json(refusal, { status: 503 })))
  show([q4])
  await userEvent.click(screen.getByRole('button', { name: 'Show other variants' }))
  expect(await screen.findByRole('alert')).toHaveTextContent('Hugging Face does not answer. Try again later.')
  serveRepo()
  await userEvent.click(screen.getByRole('button', { name: 'Try again' }))
  expect(await screen.findByText('Best fit')).toBeVisible()
})

test.each([
  [{ variants: [] }, 'The repository has no other variants.'],
  [{ variants: [], totalBytes: null }, 'Its files are shown only to those who have access on Hugging Face.'],
])('without other variants it says why', async (differs, sentence) => {
  serveRepo(differs)
  show([q4])
  await userEvent.click(screen.getByRole('button', { name: 'Show other variants' }))
  expect(await screen.findByText(sentence)).toBeVisible()
})

test('the menu of a card is about the repository', async () => {
  show([q4])
  await userEvent.click(screen.getByRole('button', { name: 'More about unsloth/Qwen3-0.6B-GGUF' }))
  const items = await screen.findAllByRole('menuitem')
  expect(items.map((item) => item.textContent?.trim())).toEqual([
    'Copy repository id',
    'Open on Hugging Face',
  ])
})

test('what each variant takes stands beside it, of the registered ones too', async () => {
  const known = { memoryBytes: 0.9e9, ratings: { quality: 2, speed: null, memory: null } }
  serveRepo({
    variants: [
      aVariant('Qwen3-0.6B-Q4_0.gguf', 'Q4_0', { modelId: 1, status: 'downloaded', ...known }),
      aVariant('Qwen3-0.6B-Q8_0.gguf', 'Q8_0', { memoryBytes: 1.2e9, fitsMemory: false, fits: false }),
      aVariant('Qwen3-0.6B-F16.gguf', 'F16', {
        memoryBytes: 2e9,
        fitsMemory: true,
        fitsDisk: true,
        fits: true,
      }),
    ],
  })
  show([q4])
  await userEvent.click(screen.getByRole('button', { name: 'Show other variants' }))
  await screen.findByRole('columnheader', { name: 'Memory' })
  expect(
    screen
      .getAllByRole('row')
      .slice(1)
      .map((row) => row.textContent),
  ).toEqual([
    'Q4_0381 MBQuality 2 of 5900 MB memoryDownloaded',
    'Q8_0639 MB–1.2 GB memoryAvailableToo big for memory639 MB',
    'F16639 MB–2.0 GB memoryAvailableFits639 MB',
  ])
})

test('what the volume has no room for is told with numbers, and the way to make room is the button', async () => {
  serve([], aStorage({ availableAfterQueueBytes: 39e6 }))
  serveRepo()
  show([q4])
  await userEvent.click(screen.getByRole('button', { name: 'Show other variants' }))
  const button = await screen.findByRole('link', { name: 'Make room for Q8_0 of unsloth/Qwen3-0.6B-GGUF' })
  expect(button).toHaveAttribute('href', '/storage#clean-up')
  expect(screen.getAllByRole('row').at(-1)).toHaveTextContent(
    'No room on disk600 MB short. Needs 639 MB, 39 MB free after the queue.',
  )
  expect(screen.queryByRole('button', { name: /^Get/ })).not.toBeInTheDocument()
})

test('an answer that was kept from before says so', async () => {
  serveRepo({ stale: true, fetchedAt: new Date(Date.now() - 3 * 3_600_000).toISOString() })
  show([q4])
  await userEvent.click(screen.getByRole('button', { name: 'Show other variants' }))
  expect(await screen.findByText(/Hugging Face is not reachable: as of 3 h ago/)).toBeVisible()
})

test('the register says what it knows of a repository before the Hub is asked', () => {
  const metadata = modelFacts({ contextLength: 131_072, license: 'mit', tags: ['chat'] })
  show([{ ...q4, metadata }])
  expect(card('unsloth/Qwen3-0.6B-GGUF')).toHaveTextContent('128k contextmit#chat')
})
