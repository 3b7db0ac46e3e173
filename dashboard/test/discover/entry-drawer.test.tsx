import { act, screen, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { http, HttpResponse } from 'msw'
import { expect, test, vi } from 'vitest'
import type { Me } from '../../src/api/auth'
import { putModel } from '../../src/api/models'
import { CuratedFactsOf } from '../../src/discover/curated-facts'
import EntryDrawer from '../../src/discover/entry-drawer'
import { renderPage } from '../make'
import { server } from '../server'
import { anEmbedding, anEntry, installed, serveCatalog } from './make'

const onClose = vi.fn<() => void>()

function open(id: string, role: Me['role'] = 'admin') {
  history.replaceState(null, '', `/discover?entry=${id}`)
  return renderPage(<EntryDrawer id={id} open onClose={onClose} />, role)
}

const facts = (section: string) =>
  within(screen.getByRole('region', { name: section }))
    .getAllByRole('term')
    .map((term) => term.parentElement?.textContent)

test('it tells how a model wants to be used, and where to read more', async () => {
  serveCatalog()
  open('e5-small')
  expect(await screen.findByRole('dialog', { name: 'E5 Small' })).toHaveTextContent('Tiny and quick.')
  expect(facts('Files')).toEqual(['NameWhole repository', 'Only*.safetensors, *.json', 'Revisionmain'])
  expect(facts('Model')).toEqual([
    'KindEmbedding',
    'Parameters118M',
    'Licensemit',
    'Tagsmultilingual',
    'Listed byWeighbridge',
  ])
  expect(facts('Use')).toEqual([
    'Dimension384',
    'Longest sequence512 tokens',
    'Poolingmean',
    'Queries and documentsEmbedded differently',
    'Query prefix“query: ”',
    'Document prefix“passage: ”',
    'Default instructionFind what answers the question',
  ])
  expect(facts('Memory, about')).toEqual(['FP32560 MB'])
  const links = within(screen.getByRole('region', { name: 'Read more' })).getAllByRole('link')
  expect(links.map((link) => link.getAttribute('href'))).toEqual([
    'https://huggingface.co/intfloat/multilingual-e5-small',
    'https://arxiv.org/abs/2402.05672',
  ])
  for (const link of links) expect(link).toHaveAttribute('rel', 'noreferrer')
})

test('an LLM has no prefixes, and an entry of the installation’s own says whose it is', async () => {
  serveCatalog({ entries: [anEntry({ source: 'house.yaml' })] })
  open('qwen3-8b')
  await screen.findByRole('dialog', { name: 'Qwen3 8B' })
  expect(facts('Use')).toEqual(['Context40,960 tokens'])
  expect(facts('Model')).toContain('Listed byThis installation (house.yaml)')
})

test('it downloads, and leads to the model once that is registered', async () => {
  const { asked } = serveCatalog()
  const { queries } = open('qwen3-8b')
  await userEvent.click(await screen.findByRole('button', { name: /^Download Qwen3 8B/ }))
  expect(await screen.findByRole('progressbar', { name: 'Download of Qwen3 8B' })).toBeVisible()
  expect(asked).toEqual([{ catalogId: 'qwen3-8b' }])
  act(() => putModel(queries, installed()))
  await userEvent.click(screen.getByRole('button', { name: 'Show model' }))
  expect(location.search).toBe('?info=9')
})

test('a viewer is offered no download', async () => {
  serveCatalog()
  open('qwen3-8b', 'viewer')
  await screen.findByText('to download')
  expect(screen.queryByRole('button', { name: /^Download/ })).not.toBeInTheDocument()
})

test('an id that the catalog does not have says so', async () => {
  serveCatalog()
  open('gone')
  expect(await screen.findByRole('heading', { name: 'The catalog has no such model' })).toBeVisible()
  const [close] = screen.getAllByRole('button', { name: 'Close' })
  await userEvent.click(close!)
  expect(onClose).toHaveBeenCalled()
})

test('a catalog that does not come tells why', async () => {
  serveCatalog()
  server.use(http.get('*/api/catalog', () => HttpResponse.json({ detail: 'Away.' }, { status: 503 })))
  open('qwen3-8b')
  expect(await screen.findByRole('alert')).toHaveTextContent('Away.')
})

test('the same facts are to be had for a registered model', async () => {
  serveCatalog({ entries: [anEmbedding()] })
  renderPage(<CuratedFactsOf catalogId="e5-small" />)
  expect(await screen.findByText('“query: ”')).toBeVisible()
})
