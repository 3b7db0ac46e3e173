import { act, screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { http, HttpResponse } from 'msw'
import { expect, test, vi } from 'vitest'
import { putModel } from '../../src/api/models'
import { progress } from '../../src/live/progress'
import { ModelsPage } from '../../src/models/models-page'
import { aDownload, aModel, renderPage } from '../make'
import { server } from '../server'
import { anEmbedding, anEntry, installed, serveCatalog, started, UPDATED } from './make'

const strip = () => screen.findByRole('region', { name: 'Featured' })
const card = async (name: string) =>
  within(await strip())
    .getByRole('button', { name })
    .closest('li') as HTMLElement

function open(role: 'admin' | 'viewer' = 'admin') {
  history.replaceState(null, '', '/models')
  return renderPage(<ModelsPage />, role)
}

test('a card tells name, size, tags and what it is good for, and leads to the Hub in a new tab', async () => {
  vi.setSystemTime('2026-11-21T08:00:00Z')
  serveCatalog()
  open()
  expect(await card('Qwen3 8B')).toHaveTextContent('QQwen3 8B8B #chat #tools5.0 GBBalanced everyday chat.')
  expect(await strip()).toHaveTextContent('refreshed 2 days ago')
  vi.useRealTimers()
  const link = screen.getByRole('link', { name: 'Qwen3 8B on Hugging Face (opens in a new tab)' })
  expect(link).toHaveAttribute('href', 'https://huggingface.co/unsloth/Qwen3-8B-GGUF')
  expect(link).toHaveAttribute('target', '_blank')
  expect(link).toHaveAttribute('rel', 'noreferrer')
  expect(screen.getByRole('link', { name: 'See all' })).toHaveAttribute('href', '/discover')
})

test('one click downloads: it moves on the card and in the list, and the keyboard stands on Cancel', async () => {
  const { asked } = serveCatalog()
  open()
  await userEvent.click(await screen.findByRole('button', { name: 'Download Qwen3 8B, 5.0 GB' }))
  await waitFor(async () =>
    expect(
      within(await card('Qwen3 8B')).getByRole('button', { name: 'Cancel download of Qwen3 8B' }),
    ).toHaveFocus(),
  )
  expect(asked).toEqual([{ catalogId: 'qwen3-8b' }])
  expect(within(await card('Qwen3 8B')).getByRole('progressbar')).toBeVisible()
  act(() => progress.update([aDownload({ modelId: 9, percent: 71, updatedAt: '2026-11-21T09:00:00+00:00' })]))
  expect(await card('Qwen3 8B')).toHaveTextContent('71%')
  expect(screen.getByRole('row', { name: /Qwen3 8B.*71%/ })).toBeVisible()
})

test('what is here says so and offers nothing to click', async () => {
  serveCatalog({ models: [installed()] })
  open()
  expect(await card('Qwen3 8B')).toHaveTextContent('Installed')
  expect(within(await card('Qwen3 8B')).getAllByRole('button')).toHaveLength(1)
})

test('a failure tells its cause and can be tried again', async () => {
  serveCatalog({
    models: [
      started({
        downloadStatus: 'Failed',
        activeOperation: null,
        error: { code: 'DOWNLOAD_FAILED', detail: 'The connection was cut.', remedy: 'Try again.' },
      }),
    ],
  })
  open()
  const failed = within(await card('Qwen3 8B'))
  expect(failed.getByText(/The connection was cut/)).toBeVisible()
  expect(failed.getByRole('button', { name: 'Retry Qwen3 8B' })).toBeVisible()
})

test('without room nothing can be clicked, and the numbers say why', async () => {
  serveCatalog({ free: 4.2e9 })
  open()
  expect(await screen.findByText('Needs 5.0 GB, 4.2 GB free after the queue.')).toBeVisible()
  expect(screen.getByRole('button', { name: 'Download Qwen3 8B, 5.0 GB' })).toBeDisabled()
})

test('who may not download is offered none', async () => {
  serveCatalog()
  open('viewer')
  await card('Qwen3 8B')
  expect(screen.queryByRole('button', { name: /^Download Qwen3 8B/ })).not.toBeInTheDocument()
})

test('the name opens the details: the entry’s own, and the model’s once it is registered', async () => {
  serveCatalog()
  const { queries } = open()
  await userEvent.click(within(await card('Qwen3 8B')).getByRole('button', { name: 'Qwen3 8B' }))
  expect(location.search).toBe('?entry=qwen3-8b')
  await screen.findByRole('heading', { name: 'No models yet' })
  act(() => putModel(queries, installed()))
  await userEvent.click(within(await card('Qwen3 8B')).getAllByRole('button')[0]!)
  expect(location.search).toBe('?info=9')
})

test('Dismiss lasts until there is a newer list, and can be undone', async () => {
  serveCatalog({ models: [aModel()] })
  const first = open()
  await userEvent.click(await screen.findByRole('button', { name: 'Dismiss featured models' }))
  await waitFor(() => expect(screen.queryByRole('region', { name: 'Featured' })).not.toBeInTheDocument())
  expect(localStorage.getItem('weighbridge-featured')).toBe(JSON.stringify(UPDATED))
  await userEvent.click(await screen.findByRole('button', { name: 'Undo' }))
  await strip()
  expect(localStorage.getItem('weighbridge-featured')).toBeNull()
  await userEvent.click(screen.getByRole('button', { name: 'Dismiss featured models' }))
  first.unmount()

  const second = open()
  await screen.findByRole('table', { name: 'Models' })
  expect(screen.queryByRole('region', { name: 'Featured' })).not.toBeInTheDocument()
  second.unmount()

  serveCatalog({ models: [aModel()], lastUpdated: '2026-12-01T08:00:00+00:00' })
  open()
  await strip()
  expect(localStorage.getItem('weighbridge-featured')).toBeNull()
})

test('switched off it is not even asked for', async () => {
  let isAsked = false
  serveCatalog({ models: [aModel()] })
  server.use(
    http.get('*/api/featured-models', () => {
      isAsked = true
      return HttpResponse.json({ models: [], lastUpdated: UPDATED })
    }),
  )
  localStorage.setItem('weighbridge-featured', '"off"')
  open()
  await screen.findByRole('table', { name: 'Models' })
  expect(isAsked).toBe(false)
})

test('an empty list and a failed one leave no hole', async () => {
  serveCatalog({ models: [aModel()], featured: [] })
  const page = open()
  await waitFor(() => expect(page.container.querySelector('.featured')).toBeInTheDocument())
  await waitFor(() => expect(page.container.querySelector('.featured')).not.toBeInTheDocument())
  page.unmount()
  server.use(http.get('*/api/featured-models', () => HttpResponse.json({ detail: 'No.' }, { status: 503 })))
  const other = open()
  await waitFor(() => expect(other.container.querySelector('.featured')).not.toBeInTheDocument())
})

test('more cards than have room are reached by buttons', async () => {
  vi.spyOn(Element.prototype, 'scrollWidth', 'get').mockReturnValue(1600)
  vi.spyOn(Element.prototype, 'clientWidth', 'get').mockReturnValue(1000)
  const scrollBy = vi.fn<() => void>()
  Element.prototype.scrollBy = scrollBy as never
  serveCatalog({ featured: [anEntry(), anEmbedding()] })
  open()
  await userEvent.click(await screen.findByRole('button', { name: 'Featured models after' }))
  expect(scrollBy).toHaveBeenCalledWith({ left: 850 })
  expect(screen.getByRole('button', { name: 'Featured models before' })).toHaveAttribute(
    'aria-disabled',
    'true',
  )
  vi.restoreAllMocks()
})
