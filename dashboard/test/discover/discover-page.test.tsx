import { act, screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { http, HttpResponse } from 'msw'
import { describe, expect, it, test } from 'vitest'
import type { Me } from '../../src/api/auth'
import { dropModel, putModel } from '../../src/api/models'
import DiscoverPage from '../../src/discover/discover-page'
import { progress } from '../../src/live/progress'
import { aFound } from '../hub'
import { aDownload, renderPage } from '../make'
import { server } from '../server'
import { anEmbedding, anEntry, installed, serveCatalog, started } from './make'

function open(address = '/discover', role: Me['role'] = 'admin') {
  history.replaceState(null, '', address)
  return renderPage(<DiscoverPage />, role)
}

const heading = (name: string) => screen.findByRole('heading', { name })
const card = async (name: string) => within((await heading(name)).closest('li') as HTMLElement)
const names = () =>
  within(screen.getByRole('list'))
    .getAllByRole('heading')
    .map((one) => one.textContent)

describe('a card', () => {
  it('tells what a model is and takes', async () => {
    serveCatalog()
    open()
    const found = await card('Qwen3 8B')
    expect(found.getByText('unsloth/Qwen3-8B-GGUF')).toBeVisible()
    expect(found.getByText('Balanced everyday chat.')).toBeVisible()
    const facts = found.getAllByRole('term').map((term) => term.parentElement?.textContent)
    expect(facts).toEqual([
      'Parameters8.2B',
      'Context40k',
      'Licenseapache-2.0',
      'FileQwen3-8B-Q4_K_M.gguf',
      'MemoryQ4_K_M 6.1 GBQ8_0 10.2 GB',
    ])
    expect(found.getByText('#chat')).toBeVisible()
    expect(found.getByText('5.0 GB').parentElement).toHaveTextContent('5.0 GB to download')
    const link = found.getByRole('link', { name: 'Qwen3 8B on Hugging Face (opens in a new tab)' })
    expect(link).toHaveAttribute('href', 'https://huggingface.co/unsloth/Qwen3-8B-GGUF')
    expect(link).toHaveAttribute('target', '_blank')
  })

  it('of an embedding tells its dimension and longest sequence', async () => {
    serveCatalog()
    open('/discover?tab=embedding')
    const found = await card('E5 Small')
    const facts = found.getAllByRole('term').map((term) => term.parentElement?.textContent)
    expect(facts).toContain('Dimension384')
    expect(facts).toContain('Sequence512')
    expect(facts).toContain('FileWhole repository')
  })

  it('downloads with one click, moves, and ends as installed', async () => {
    const { asked } = serveCatalog()
    const { queries } = open()
    await userEvent.click((await card('Qwen3 8B')).getByRole('button', { name: /^Download Qwen3 8B/ }))
    expect(await (await card('Qwen3 8B')).findByRole('progressbar')).toBeVisible()
    expect(asked).toEqual([{ catalogId: 'qwen3-8b' }])
    const cancel = (await card('Qwen3 8B')).getByRole('button', { name: 'Cancel download of Qwen3 8B' })
    await waitFor(() => expect(cancel).toHaveFocus())
    act(() =>
      progress.update([aDownload({ modelId: 9, percent: 71, updatedAt: '2026-11-21T09:00:00+00:00' })]),
    )
    expect((await card('Qwen3 8B')).getByText('71%')).toBeVisible()
    act(() => {
      progress.update([aDownload({ modelId: 9, status: 'Downloaded', phase: null })])
      putModel(queries, installed())
    })
    expect((await card('Qwen3 8B')).getByText('Installed')).toBeVisible()
    expect((await card('Qwen3 8B')).getByText('on disk')).toBeVisible()
    expect(screen.getByText('2 curated models, 1 installed')).toBeVisible()
  })

  it('of a failed download tells the whole cause, and Retry asks for it again', async () => {
    const failed = started({
      downloadStatus: 'Failed',
      activeOperation: null,
      error: { code: 'GATED_MODEL_NO_TOKEN', detail: 'It is gated.', remedy: 'Accept the licence.' },
    })
    serveCatalog({ models: [failed] })
    let isAsked = false
    server.use(
      http.post('*/api/models/9/download', () => {
        isAsked = true
        return HttpResponse.json(aDownload({ modelId: 9 }), { status: 202 })
      }),
    )
    open()
    const found = await card('Qwen3 8B')
    expect(found.getByText('It is gated. Accept the licence.')).toBeVisible()
    await userEvent.click(found.getByRole('button', { name: 'Retry Qwen3 8B' }))
    expect(await found.findByRole('progressbar')).toBeVisible()
    expect(isAsked).toBe(true)
  })

  it('that was refused stays as it was, and the refusal is told', async () => {
    serveCatalog()
    server.use(
      http.post('*/api/downloads', () =>
        HttpResponse.json(
          { code: 'INSUFFICIENT_DISK', detail: 'Needs 5.0 GB.', remedy: 'Free some.' },
          { status: 507 },
        ),
      ),
    )
    open()
    await userEvent.click((await card('Qwen3 8B')).getByRole('button', { name: /^Download/ }))
    // Once for the eyes, once for screen readers.
    expect(await screen.findAllByText('Needs 5.0 GB. Free some.')).not.toHaveLength(0)
    expect((await card('Qwen3 8B')).getByRole('button', { name: /^Download/ })).toBeEnabled()
  })

  it('that has no room says what is missing', async () => {
    serveCatalog({ free: 4.2e9 })
    open()
    const found = await card('Qwen3 8B')
    expect(await found.findByText('Needs 5.0 GB, 4.2 GB free after the queue.')).toBeVisible()
    expect(found.getByRole('button', { name: /^Download/ })).toBeDisabled()
  })

  it('is to be had again once its model was deleted', async () => {
    serveCatalog({ entries: [anEntry({ installed: true, modelId: 9 })], models: [installed()] })
    const { queries } = open()
    expect(await (await card('Qwen3 8B')).findByText('Installed')).toBeVisible()
    act(() => dropModel(queries, 9))
    expect(await (await card('Qwen3 8B')).findByRole('button', { name: /^Download/ })).toBeEnabled()
  })

  it('opens the details: the entry’s own, and the model’s once it is registered', async () => {
    serveCatalog()
    const { queries } = open('/discover?tab=llm')
    await userEvent.click(await screen.findByRole('button', { name: 'Qwen3 8B' }))
    expect(location.search).toBe('?tab=llm&entry=qwen3-8b')
    act(() => putModel(queries, installed()))
    await userEvent.click(screen.getByRole('button', { name: 'Qwen3 8B' }))
    expect(location.search).toBe('?tab=llm&info=9')
  })

  it('has the menu of its model once it is registered', async () => {
    serveCatalog({ models: [installed()] })
    open()
    await userEvent.click((await card('Qwen3 8B')).getByRole('button', { name: 'More about Qwen3 8B' }))
    expect(await screen.findByRole('menuitem', { name: 'Delete…' })).toBeVisible()
  })
})

describe('the tabs', () => {
  it('show the featured ones in their own order first, then one kind each, and say how many', async () => {
    const entries = [anEntry(), anEmbedding(), anEntry({ id: 'phi', name: 'Phi 4' })]
    serveCatalog({ entries, featured: [entries[2]!, entries[1]!] })
    open()
    await heading('Phi 4')
    expect(names()).toEqual(['Phi 4', 'E5 Small'])
    await userEvent.click(screen.getByRole('radio', { name: 'LLM 2' }))
    expect(names()).toEqual(['Qwen3 8B', 'Phi 4'])
    expect(location.search).toBe('?tab=llm')
    expect(screen.getByRole('radio', { name: 'Reranker 0' })).toBeVisible()
  })

  it('count what the search finds', async () => {
    serveCatalog()
    open('/discover?tab=llm')
    await heading('Qwen3 8B')
    await userEvent.type(screen.getByRole('searchbox', { name: 'Search the catalog' }), 'multilingual')
    expect(screen.getByRole('radio', { name: 'Embedding 1' })).toBeVisible()
    expect(screen.getByRole('radio', { name: 'LLM 0' })).toBeVisible()
    expect(screen.getByText('0 shown')).toBeVisible()
  })

  it('without models of a kind lead to one that has some', async () => {
    serveCatalog()
    open('/discover?tab=splade')
    expect(await heading('No SPLADE models')).toBeVisible()
    await userEvent.click(screen.getByRole('button', { name: 'Show LLM models' }))
    await heading('Qwen3 8B')
  })
})

test('what is installed can be told from what is not', async () => {
  serveCatalog({ models: [installed()], featured: [anEntry(), anEmbedding()] })
  open()
  await heading('Qwen3 8B')
  const shown = within(screen.getByRole('radiogroup', { name: 'Show' }))
  await userEvent.click(shown.getByRole('radio', { name: 'Installed' }))
  expect(names()).toEqual(['Qwen3 8B'])
  await userEvent.click(shown.getByRole('radio', { name: 'Available' }))
  expect(names()).toEqual(['E5 Small'])
  expect(location.search).toBe('?show=available')
})

test('nothing matches: the filters can be cleared, and a repository can be looked up on the Hub', async () => {
  serveCatalog()
  open('/discover?tab=llm&q=owner/name')
  expect(await heading('Nothing matches')).toBeVisible()
  const place = screen.getByRole('heading', { name: 'Nothing matches' }).parentElement as HTMLElement
  expect(within(place).getByRole('link', { name: 'Find on Hugging Face' })).toHaveAttribute(
    'href',
    '/models/new?repo=owner%2Fname',
  )
  await userEvent.click(screen.getByRole('button', { name: 'Clear filters' }))
  await heading('Qwen3 8B')
  expect(location.search).toBe('?tab=llm')
})

test('an empty catalog says who can fill it', async () => {
  serveCatalog({ entries: [] })
  open()
  expect(await heading('The catalog is empty')).toBeVisible()
  expect(screen.getByText(/WEIGHBRIDGE_CATALOG_DIR/)).toBeVisible()
})

test('while it loads nothing is claimed', () => {
  server.use(
    ...['catalog', 'models', 'storage', 'health'].map((what) =>
      http.get(`*/api/${what}`, () => new Promise<never>(() => {})),
    ),
  )
  open()
  expect(screen.getByText('Loading the catalog…')).toBeInTheDocument()
  expect(screen.queryByText(/shown/)).not.toBeInTheDocument()
})

test('a failure tells the cause, and only what failed is asked again', async () => {
  serveCatalog()
  let fails = true
  server.use(
    http.get('*/api/catalog', () => {
      if (!fails) return
      return HttpResponse.json(
        { code: 'SERVICE_UNAVAILABLE', detail: 'The database does not answer.', requestId: 'abc' },
        { status: 503 },
      )
    }),
  )
  open()
  const alert = await screen.findByRole('alert')
  expect(alert).toHaveTextContent('The catalog did not load')
  expect(alert).toHaveTextContent('The database does not answer.')
  expect(alert).toHaveTextContent('abc')
  fails = false
  await userEvent.click(screen.getByRole('button', { name: 'Try again' }))
  await heading('Qwen3 8B')
})

test('a featured list that does not come is no loss for the other tabs', async () => {
  serveCatalog()
  server.use(http.get('*/api/featured-models', () => HttpResponse.json({ detail: 'No.' }, { status: 503 })))
  open()
  expect(await screen.findByRole('alert')).toHaveTextContent('The catalog did not load')
  await userEvent.click(screen.getByRole('radio', { name: /^LLM/ }))
  await heading('Qwen3 8B')
})

describe('Find on Hugging Face', () => {
  it('leads to the page of a new model, with what was typed', async () => {
    serveCatalog()
    open()
    const field = screen.getByRole('combobox', { name: 'Find on Hugging Face' })
    expect(screen.getByRole('button', { name: 'Continue' })).toBeDisabled()
    await userEvent.type(field, ' https://huggingface.co/owner/name {Enter}')
    expect(location.pathname + location.search).toBe(
      '/models/new?repo=https%3A%2F%2Fhuggingface.co%2Fowner%2Fname',
    )
  })

  it('finds a repository by a part of its name, and leads there at a click', async () => {
    serveCatalog()
    server.use(http.get('*/api/hub/search', () => HttpResponse.json([aFound('Qwen/Qwen3-14B')])))
    open()
    await userEvent.type(screen.getByRole('combobox', { name: 'Find on Hugging Face' }), 'qwen3')
    await userEvent.click(await screen.findByRole('option', { name: /^Qwen\/Qwen3-14B/ }))
    expect(location.pathname + location.search).toBe('/models/new?repo=Qwen%2FQwen3-14B')
  })

  it('says so where only curated models can be had', async () => {
    serveCatalog({ catalogOnly: true })
    open('/discover?tab=llm&q=owner/name')
    expect(await screen.findByText('Only curated models can be downloaded here')).toBeVisible()
    await heading('Nothing matches')
    expect(screen.queryByRole('combobox', { name: 'Find on Hugging Face' })).not.toBeInTheDocument()
    expect(screen.queryByRole('link', { name: 'Find on Hugging Face' })).not.toBeInTheDocument()
  })
})

describe('what a role may not do is not offered', () => {
  it.each([
    ['viewer', 0, 0],
    ['operator', 1, 0],
    ['admin', 1, 1],
  ] as const)('%s', async (role, downloads, boxes) => {
    serveCatalog()
    open('/discover', role)
    await heading('Qwen3 8B')
    expect(screen.queryAllByRole('button', { name: /^Download Qwen3 8B/ })).toHaveLength(downloads)
    expect(screen.queryAllByRole('combobox', { name: 'Find on Hugging Face' })).toHaveLength(boxes)
  })

  it('a viewer sees no lack of room either, as there is nothing to click', async () => {
    serveCatalog({ free: 1e9 })
    open('/discover', 'viewer')
    expect((await card('Qwen3 8B')).getByText('to download')).toBeVisible()
  })
})
