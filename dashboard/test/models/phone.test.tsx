import { screen, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, test, vi } from 'vitest'
import { ModelsPage } from '../../src/models/models-page'
import { aModel, renderPage } from '../make'
import { serve } from './make'

const models = [
  aModel({ id: 1, name: 'Qwen3 14B', downloadStatus: 'Failed' }),
  aModel({
    id: 2,
    name: 'Llama 8B',
    hfRepo: 'meta/Llama-8B',
    downloadStatus: 'Downloaded',
    downloaded: true,
    fileSizeBytes: 5e9,
  }),
]

vi.stubGlobal('matchMedia', (query: string) => ({
  matches: query === '(max-width: 759px)',
  addEventListener: () => {},
  removeEventListener: () => {},
}))

async function open() {
  serve(models)
  history.replaceState(null, '', '/models')
  renderPage(<ModelsPage />)
  await screen.findByRole('table', { name: 'Models' })
}

test('filters stand in a sheet that says how many models are left', async () => {
  await open()
  await userEvent.click(screen.getByRole('button', { name: 'Filters' }))
  const sheet = await screen.findByRole('dialog', { name: 'Filters' })
  await userEvent.click(within(sheet).getByRole('checkbox', { name: 'Failed' }))
  expect(location.search).toBe('?status=Failed')
  await userEvent.click(within(sheet).getByRole('button', { name: 'Show 1 model' }))
  expect(await screen.findByRole('button', { name: 'Filters 1' })).toBeVisible()
})

test('the sheet also chooses the order and the view', async () => {
  await open()
  await userEvent.click(screen.getByRole('button', { name: 'Filters' }))
  const sheet = await screen.findByRole('dialog', { name: 'Filters' })
  await userEvent.click(within(sheet).getByRole('radio', { name: 'Size' }))
  await userEvent.click(within(sheet).getByRole('button', { name: 'Ascending' }))
  await userEvent.click(within(sheet).getByRole('radio', { name: 'Repositories' }))
  expect(location.search).toBe('?sort=-size&view=repositories')
})

test('what a swipe brings out is for fingers only: the menu is its twin', async () => {
  await open()
  expect(screen.queryByRole('button', { name: 'Delete' })).not.toBeInTheDocument()
  const hidden = screen.getAllByText('Delete')[0]
  expect(hidden).toHaveAttribute('tabindex', '-1')
  await userEvent.click(hidden as HTMLElement)
  expect(location.search).toBe('?delete=2')
})
