import { act, screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { HttpResponse, http } from 'msw'
import { expect, test } from 'vitest'
import { progress } from '../../src/live/progress'
import { putModel } from '../../src/api/models'
import { ModelsPage } from '../../src/models/models-page'
import { aDownload, aHosted, aModel, renderPage } from '../make'
import { server } from '../server'
import { serve } from './make'

const qwen = aModel({
  id: 1,
  name: 'Qwen3 14B',
  hfRepo: 'unsloth/Qwen3-14B-GGUF',
  modelFile: 'Qwen3-14B-Q4_K_M.gguf',
})
const small = aModel({
  id: 2,
  name: 'Qwen3 0.6B',
  downloadStatus: 'Downloaded',
  downloaded: true,
  fileSizeBytes: 381e6,
})
const failed = aModel({
  id: 3,
  name: 'Gemma 3 12B',
  hfRepo: 'google/gemma-3-12b',
  downloadStatus: 'Failed',
  category: 'embedding',
})
const hosted = aHosted({ id: 4, name: 'GPT-5 mini' })
const all = [qwen, small, failed, hosted]

async function open(models = all) {
  serve(models)
  history.replaceState(null, '', '/models')
  const page = renderPage(<ModelsPage />)
  await screen.findByRole('table', { name: 'Models' })
  return page
}

const rows = () => screen.getAllByRole('row').slice(1)
const names = () => rows().map((row) => within(row).getAllByRole('button')[0]?.textContent)
const row = (name: string) => rows().find((one) => one.textContent?.includes(name)) as HTMLElement
const cells = (name: string) =>
  within(row(name))
    .getAllByRole('cell')
    .map((cell) => cell.textContent)

test('each row tells name, type, source, size, Downloaded and status', async () => {
  await open()
  expect(screen.getByText('3 local, 1 hosted')).toBeVisible()
  expect(cells('Qwen3 0.6B')).toEqual([
    'QQwen3 0.6B0.6B · Q4_0',
    'Local',
    'unsloth/Qwen3-0.6B-GGUFQwen3-0.6B-Q4_0.gguf',
    '381 MB',
    'Yes',
    'Downloaded',
    '',
  ])
  expect(cells('Qwen3 14B').slice(3, 6)).toEqual(['–', 'No', 'Available'])
  expect(cells('GPT-5 mini')).toEqual([
    'GPT-5 miniOpenAI',
    'Hosted',
    'OpenAIhttps://api.openai.com/v1',
    '–',
    '–',
    'Not tested',
    '',
  ])
})

test('screen readers hear how many rows there are and where each stands', async () => {
  await open()
  expect(screen.getByRole('table')).toHaveAttribute('aria-rowcount', '5')
  expect(rows().map((one) => one.getAttribute('aria-rowindex'))).toEqual(['2', '3', '4', '5'])
})

test('a long list draws the rows in the window only', async () => {
  await open(Array.from({ length: 1000 }, (_, index) => aModel({ id: index + 1, name: `Model ${index}` })))
  expect(screen.getByRole('table')).toHaveAttribute('aria-rowcount', '1001')
  expect(rows().length).toBeLessThan(40)
})

test('the head of a column sorts both ways and says so', async () => {
  await open()
  const head = screen.getByRole('columnheader', { name: 'Name' })
  expect(head).toHaveAttribute('aria-sort', 'ascending')
  await userEvent.click(within(head).getByRole('button'))
  expect(head).toHaveAttribute('aria-sort', 'descending')
  expect(names()).toEqual(['Qwen3 14B', 'Qwen3 0.6B', 'GPT-5 mini', 'Gemma 3 12B'])
  await userEvent.click(screen.getByRole('button', { name: 'Download status' }))
  expect(head).toHaveAttribute('aria-sort', 'none')
  expect(screen.getByRole('columnheader', { name: 'Download status' })).toHaveAttribute(
    'aria-sort',
    'ascending',
  )
  expect(location.search).toBe('?sort=status')
})

test('search is immediate, counts, and can be cleared', async () => {
  await open()
  await userEvent.type(screen.getByRole('searchbox', { name: 'Search name, repository or file' }), '14b')
  expect(names()).toEqual(['Qwen3 14B'])
  expect(screen.getByText('1 of 4')).toBeVisible()
  await userEvent.click(screen.getByRole('button', { name: 'Clear search' }))
  expect(names()).toHaveLength(4)
  expect(screen.getByRole('searchbox')).toHaveFocus()
})

test('a kind shows its models, with their number beside its name', async () => {
  await open()
  await userEvent.click(screen.getByRole('radio', { name: 'Embedding 1' }))
  expect(names()).toEqual(['Gemma 3 12B'])
})

test('a filter stays open for several ticks, shows how many, and is cleared by its x', async () => {
  await open()
  await userEvent.click(screen.getByRole('button', { name: 'Status' }))
  await userEvent.click(await screen.findByRole('menuitemcheckbox', { name: 'Failed' }))
  await userEvent.click(screen.getByRole('menuitemcheckbox', { name: 'Downloaded' }))
  expect(location.search).toBe('?status=Failed&status=Downloaded')
  await userEvent.keyboard('{Escape}')
  await waitFor(() => expect(screen.queryByRole('menu')).not.toBeInTheDocument())
  expect(names()).toEqual(['Gemma 3 12B', 'Qwen3 0.6B'])
  expect(screen.getByRole('button', { name: 'Status 2' })).toBeVisible()
  await userEvent.click(screen.getByRole('button', { name: 'Clear status' }))
  expect(names()).toHaveLength(4)
})

test('nothing matches: the filters can be cleared there', async () => {
  serve(all)
  history.replaceState(null, '', '/models?q=nothing&status=Failed')
  renderPage(<ModelsPage />)
  expect(await screen.findByRole('heading', { name: 'Nothing matches' })).toBeVisible()
  await userEvent.click(screen.getByRole('button', { name: 'Clear filters' }))
  expect(names()).toHaveLength(4)
})

test('a kind that has no models leads back to all', async () => {
  serve(all)
  history.replaceState(null, '', '/models?kind=splade')
  renderPage(<ModelsPage />)
  expect(await screen.findByRole('heading', { name: 'No SPLADE models' })).toBeVisible()
  await userEvent.click(screen.getByRole('button', { name: 'Show all models' }))
  expect(names()).toHaveLength(4)
})

test('an empty register offers two ways to begin', async () => {
  serve([])
  renderPage(<ModelsPage />)
  expect(await screen.findByRole('heading', { name: 'No models yet' })).toBeVisible()
  expect(screen.getByRole('link', { name: 'Add your first model' })).toHaveAttribute('href', '/models/new')
  expect(screen.getByRole('link', { name: 'Add a hosted model' })).toHaveAttribute(
    'href',
    '/models/new?type=hosted',
  )
})

test('while it loads, search and tabs stand already and nothing is claimed', () => {
  server.use(
    http.get('*/api/models', () => new Promise<never>(() => {})),
    http.get('*/api/storage', () => new Promise<never>(() => {})),
  )
  renderPage(<ModelsPage />)
  expect(screen.getByText('Loading models…')).toBeInTheDocument()
  expect(screen.getByRole('searchbox')).toBeVisible()
  expect(screen.getByRole('radio', { name: 'All' })).toBeChecked()
  expect(screen.queryByText(/of 0/)).not.toBeInTheDocument()
})

test('a failure tells the cause and that downloads go on, and can be tried again', async () => {
  serve(all)
  let fails = true
  server.use(
    http.get('*/api/models', () => {
      if (!fails) return
      const body = {
        code: 'SERVICE_UNAVAILABLE',
        detail: 'The database does not answer.',
        remedy: 'Try again.',
        requestId: 'abc',
      }
      return HttpResponse.json(body, { status: 503 })
    }),
  )
  renderPage(<ModelsPage />)
  const alert = await screen.findByRole('alert')
  expect(alert).toHaveTextContent('The model list did not load')
  expect(alert).toHaveTextContent('The database does not answer.')
  expect(alert).toHaveTextContent('Downloads keep running in the worker.')
  expect(alert).toHaveTextContent('abc')
  fails = false
  await userEvent.click(screen.getByRole('button', { name: 'Try again' }))
  await screen.findByRole('table')
})

test('a tick of progress touches the status of its own row and no other element', async () => {
  const moving = aModel({ id: 1, name: 'Qwen3 14B', downloadStatus: 'Downloading' })
  const other = aModel({ id: 9, name: 'Llama 8B', downloadStatus: 'Downloading' })
  await open([moving, other])
  act(() => progress.replace([aDownload({ modelId: 1 }), aDownload({ modelId: 9, taskId: '2' })]))
  const touched = new Set<Element | null>()
  const observer = new MutationObserver((changes) => {
    for (const { target } of changes)
      touched.add((target instanceof Element ? target : target.parentElement)?.closest('[role=cell]') ?? null)
  })
  observer.observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true })
  act(() => progress.update([aDownload({ modelId: 1, percent: 60, updatedAt: '2026-11-21T08:01:00+00:00' })]))
  await waitFor(() => expect(touched.size).toBeGreaterThan(0))
  observer.disconnect()
  expect(row('Qwen3 14B')).toHaveTextContent('60%')
  expect([...touched]).toEqual([within(row('Qwen3 14B')).getAllByRole('cell')[5]])
})

test('a download that ends marks its row once', async () => {
  const { queries } = await open([aModel({ id: 1, name: 'Qwen3 14B', downloadStatus: 'Downloading' }), small])
  act(() =>
    putModel(
      queries,
      aModel({
        id: 1,
        name: 'Qwen3 14B',
        downloadStatus: 'Downloaded',
        downloaded: true,
        fileSizeBytes: 9e9,
      }),
    ),
  )
  await waitFor(() => expect(row('Qwen3 14B').querySelector('[data-arrived]')).not.toBeNull())
  expect(row('Qwen3 0.6B').querySelector('[data-arrived]')).toBeNull()
})

test('Retry asks for the download, shows it at once, and the keyboard stands on Cancel', async () => {
  const pending = aDownload({ modelId: 3, status: 'Pending', phase: null })
  server.use(
    http.post('*/api/models/3/download', () => HttpResponse.json(pending, { status: 202 })),
    http.get('*/api/models/3', () =>
      HttpResponse.json({ ...failed, downloadStatus: 'Pending', activeOperation: pending }),
    ),
    http.get('*/api/downloads/queue', () =>
      HttpResponse.json({ active: [], queued: [], paused: [], failed: [], completed: [] }),
    ),
  )
  await open()
  await userEvent.click(screen.getByRole('button', { name: 'Retry Gemma 3 12B' }))
  expect(await screen.findByRole('button', { name: 'Cancel download of Gemma 3 12B' })).toHaveFocus()
  expect(row('Gemma 3 12B')).toHaveTextContent('Pending')
})

test('the menu of a row opens details, edit, the Hub and delete', async () => {
  await open()
  const button = screen.getByRole('button', { name: 'More about Qwen3 14B' })
  await userEvent.click(button)
  const items = await screen.findAllByRole('menuitem')
  expect(items.map((item) => item.textContent?.trim())).toEqual([
    'Details',
    'Edit',
    'Copy repository id',
    'Open on Hugging Face',
    'Delete…',
  ])
  expect(screen.getByRole('menuitem', { name: 'Edit' })).toHaveAttribute('href', '/models/1/edit')
  const hub = screen.getByRole('menuitem', { name: 'Open on Hugging Face' })
  expect(hub).toHaveAttribute('href', 'https://huggingface.co/unsloth/Qwen3-14B-GGUF')
  expect(hub).toHaveAttribute('rel', 'noreferrer')
  await userEvent.click(screen.getByRole('menuitem', { name: 'Details' }))
  expect(location.search).toBe('?info=1')
})

test('by keyboard the menu opens on its first item, and Escape leads back', async () => {
  await open()
  const button = screen.getByRole('button', { name: 'More about Qwen3 14B' })
  expect(button).toHaveAttribute('aria-expanded', 'false')
  button.focus()
  await userEvent.keyboard('{Enter}')
  await waitFor(() => expect(screen.getByRole('menuitem', { name: 'Details' })).toHaveFocus())
  expect(button).toHaveAttribute('aria-expanded', 'true')
  await userEvent.keyboard('{ArrowDown}')
  expect(screen.getByRole('menuitem', { name: 'Edit' })).toHaveFocus()
  await userEvent.keyboard('o')
  await waitFor(() => expect(screen.getByRole('menuitem', { name: 'Open on Hugging Face' })).toHaveFocus())
  await userEvent.keyboard('{Escape}')
  await waitFor(() => expect(button).toHaveFocus())
  expect(button).toHaveAttribute('aria-expanded', 'false')
})

test('the menu of a hosted model tests its connection and has no repository', async () => {
  await open()
  await userEvent.click(screen.getByRole('button', { name: 'More about GPT-5 mini' }))
  const items = await screen.findAllByRole('menuitem')
  expect(items.map((item) => item.textContent?.trim())).toEqual([
    'Details',
    'Edit',
    'Test connection',
    'Delete…',
  ])
})

test('the name opens the details', async () => {
  await open()
  await userEvent.click(screen.getByRole('button', { name: 'Qwen3 14B' }))
  expect(location.search).toBe('?info=1')
})
