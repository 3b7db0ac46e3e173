import { screen, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { HttpResponse, http } from 'msw'
import { expect, test } from 'vitest'
import type { Storage } from '../../src/api/storage'
import { StorageHeader } from '../../src/models/storage-header'
import { aModel, renderPage } from '../make'
import { server } from '../server'
import { aStorage, serve } from './make'

const models = [aModel({ downloadStatus: 'Downloaded', downloaded: true, fileSizeBytes: 31.2e9 })]

const show = (storage: Storage) => {
  serve([], storage)
  renderPage(<StorageHeader models={models} />)
}

test('what is used, free, and free after the queue, with a legend that says what the bar shows', async () => {
  show(aStorage({ managedBytes: 31.2e9, reservedBytes: 51.2e9, availableAfterQueueBytes: 321.8e9 }))
  expect(await screen.findByText('127 GB', { selector: 'strong' })).toBeVisible()
  expect(screen.getByText(/used of 500 GB/)).toHaveTextContent('measured just now')
  expect(screen.getByText('Available').nextSibling).toHaveTextContent('373 GB')
  expect(screen.getByText('After queue').nextSibling).toHaveTextContent('322 GB')
  expect(screen.getByText('Models on disk').nextSibling).toHaveTextContent('7')
  const legend = within(screen.getByRole('list')).getAllByRole('listitem')
  expect(legend.map((item) => item.textContent)).toEqual([
    'Qwen 31.2 GB',
    'Other files 95.8 GB',
    'Reserved 51.2 GB',
  ])
})

test('a queue that does not fit says by how much', async () => {
  show(aStorage({ availableAfterQueueBytes: -21.2e9 }))
  expect((await screen.findByText('After queue')).nextSibling).toHaveTextContent('21.2 GB short')
})

test('before a worker has looked it tells what the register knows, and no more', async () => {
  show(
    aStorage({
      totalBytes: null,
      usedBytes: null,
      availableBytes: null,
      availableAfterQueueBytes: null,
      scannedAt: null,
      managedBytes: 31.2e9,
      modelCount: 1,
    }),
  )
  expect(await screen.findByText('31.2 GB')).toBeVisible()
  expect(screen.getByText(/in 1 model/)).toBeVisible()
  expect(screen.getByText(/once a worker has measured it/)).toBeVisible()
  expect(screen.queryByText('Available')).not.toBeInTheDocument()
})

test('a failure says why and can be tried again', async () => {
  serve([], aStorage())
  let fails = true
  server.use(
    http.get('*/api/storage', () =>
      fails
        ? HttpResponse.json({ detail: 'The database does not answer.' }, { status: 503 })
        : HttpResponse.json(aStorage()),
    ),
  )
  renderPage(<StorageHeader models={models} />)
  expect(await screen.findByRole('alert')).toHaveTextContent(
    'Storage could not be read. The database does not answer.',
  )
  fails = false
  await userEvent.click(screen.getByRole('button', { name: 'Try again' }))
  expect(await screen.findByText('127 GB', { selector: 'strong' })).toBeVisible()
})

test('the cache, what of it is not managed, and the two quick actions', async () => {
  const cache = {
    totalBytes: 112e9,
    managedBytes: 97.1e9,
    unmanagedBytes: 14.9e9,
    unmanagedRepoCount: 3,
    partialBytes: 0,
  }
  show({ ...aStorage(), cache })
  expect((await screen.findByText('Cache')).nextSibling).toHaveTextContent('112 GB')
  expect(screen.getByRole('list')).toHaveTextContent('Unmanaged 14.9 GB in 3 repositories')
  expect(screen.getByRole('link', { name: 'Clean up' })).toHaveAttribute('href', '/storage#clean-up')
  server.use(
    http.get('*/api/storage', ({ request }) =>
      HttpResponse.json(
        aStorage(new URL(request.url).searchParams.has('refresh') ? { usedBytes: 111e9 } : {}),
      ),
    ),
  )
  await userEvent.click(screen.getByRole('button', { name: 'Rescan the cache' }))
  expect(await screen.findByText('111 GB', { selector: 'strong' })).toBeVisible()
})

test('a rescan that fails says so and leaves the numbers', async () => {
  show(aStorage())
  await screen.findByText('127 GB', { selector: 'strong' })
  server.use(http.get('*/api/storage', () => HttpResponse.json({ detail: 'No worker.' }, { status: 503 })))
  await userEvent.click(screen.getByRole('button', { name: 'Rescan the cache' }))
  expect(await screen.findAllByText('The cache could not be scanned')).not.toHaveLength(0)
  expect(screen.getByText('127 GB', { selector: 'strong' })).toBeVisible()
})

test('only administrators are led to the clean-up', async () => {
  serve([], aStorage())
  renderPage(<StorageHeader models={models} />, 'operator')
  expect(await screen.findByRole('button', { name: 'Rescan the cache' })).toBeVisible()
  expect(screen.queryByRole('link', { name: 'Clean up' })).toBeNull()
})
