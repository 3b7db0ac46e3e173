import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { http, HttpResponse } from 'msw'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Me } from '../../src/api/auth'
import type { CleanUpItem } from '../../src/api/cache'
import { CleanUp } from '../../src/storage/clean-up'
import { renderPage } from '../make'
import { server } from '../server'
import { aCleanUp, anItem, aPlan, serveCache } from './make'

const OLD = anItem({
  id: 'r1',
  kind: 'old-revision',
  repo: 'unsloth/Qwen3-14B-GGUF',
  commitHash: '77aabbccdd'.repeat(4),
  bytes: 10.5e9,
  reason: 'No model stands for this commit.',
})
const UNUSED = anItem({
  id: 'm1',
  kind: 'unused-model',
  repo: 'BAAI/bge-m3',
  modelId: 8,
  modelName: 'BGE M3',
  bytes: 2.3e9,
  reason: 'Last used 100 days ago.',
  suggested: false,
})

let items: CleanUpItem[]
let sent: unknown[]

beforeEach(() => {
  items = [anItem(), OLD, UNUSED]
  sent = []
})

function show(role: Me['role'] = 'admin', answer = () => HttpResponse.json(aCleanUp(), { status: 202 })) {
  serveCache([], () => aPlan(items))
  server.use(
    http.post('*/api/cache/clean-up', async ({ request }) => {
      sent.push(await request.json())
      return answer()
    }),
  )
  return renderPage(<CleanUp isSettled />, role)
}

const press = async (name: string | RegExp) => userEvent.click(await screen.findByRole('button', { name }))

describe('the plan', () => {
  it('lists what could go by kind, with its reason, and ticks what is suggested', async () => {
    show()
    expect(await screen.findByRole('region', { name: 'Unfinished downloads' })).toHaveTextContent('1.8 GB')
    const old = screen.getByRole('checkbox', { name: /Qwen3-14B-GGUF @ 77aabbccdd/ })
    expect(old).toBeChecked()
    expect(screen.getByRole('checkbox', { name: /BGE M3.*Last used 100 days ago/ })).not.toBeChecked()
    expect(screen.getByRole('button', { name: 'Remove 2 items and free 12.3 GB…' })).toBeVisible()
    await userEvent.click(old)
    expect(screen.getByRole('button', { name: 'Remove 1 item and free 1.8 GB…' })).toBeVisible()
    await userEvent.click(screen.getByRole('checkbox', { name: /Qwen3-32B/ }))
    expect(screen.getByRole('button', { name: 'Nothing chosen' })).toHaveAttribute('aria-disabled', 'true')
  })

  it('is made for the time that was chosen', async () => {
    show()
    const asked: (string | null)[] = []
    server.use(
      http.get('*/api/cache/clean-up', ({ request }) => {
        asked.push(new URL(request.url).searchParams.get('unusedDays'))
        return HttpResponse.json(aPlan([anItem()]))
      }),
    )
    await userEvent.selectOptions(await screen.findByLabelText('Not used for'), '1 year')
    await waitFor(() => expect(asked).toContain('365'))
  })

  it('may be empty', async () => {
    items = []
    show()
    expect(await screen.findByText('Nothing to clean up')).toBeVisible()
    expect(screen.queryByRole('button', { name: /Remove/ })).toBeNull()
  })

  it('is only read by others than administrators', async () => {
    show('operator')
    expect(await screen.findByText('The download was canceled 12 days ago.')).toBeVisible()
    expect(screen.queryByRole('checkbox')).toBeNull()
    expect(screen.queryByRole('button', { name: /Remove/ })).toBeNull()
  })

  it('tells of a quota, and of what would go first', async () => {
    serveCache([], () =>
      aPlan(items, { quota: { quotaBytes: 90e9, cacheBytes: 103e9, overBytes: 13e9, evict: ['r1', 'p1'] } }),
    )
    renderPage(<CleanUp isSettled />)
    const quota = await screen.findByRole('region', { name: 'Quota' })
    expect(quota).toHaveTextContent('103 GB of 90.0 GB allowed13.0 GB over')
    const order = within(quota).getByRole('list', { name: 'What goes first' })
    expect(
      within(order)
        .getAllByRole('listitem')
        .map((one) => one.textContent),
    ).toEqual(['unsloth/Qwen3-14B-GGUF @ 77aabbccdd10.5 GB', 'unsloth/Qwen3-32B-GGUF1.8 GB'])
  })
})

describe('a clean-up of several volumes', () => {
  it('is asked of each by itself', async () => {
    items = [
      anItem({ volume: 'one' }),
      anItem({ id: 'p2', volume: 'two' }),
      anItem({ id: 'p3', volume: 'one' }),
    ]
    show()
    server.use(http.get('*/api/tasks/c1', () => HttpResponse.json(aCleanUp())))
    await press(/^Remove 3 items/)
    await press(/^Remove and free/)
    expect(await screen.findByText(/^Removing/)).toBeVisible()
    expect(sent).toEqual([
      { items: ['p1', 'p3'], unusedDays: 30, confirm: true },
      { items: ['p2'], unusedDays: 30, confirm: true },
    ])
  })
})

describe('a clean-up', () => {
  it('names what goes, asks, shows how far it is, and what it has freed', async () => {
    show()
    let task = aCleanUp()
    server.use(http.get('*/api/tasks/c1', () => HttpResponse.json(task)))
    await press(/^Remove 2 items/)
    const dialog = screen.getByRole('dialog', { name: 'Remove 2 items from disk?' })
    expect(dialog).toHaveTextContent('Frees 12.3 GB. No model in the register loses a file.')
    expect(within(dialog).getAllByRole('listitem')).toHaveLength(2)
    await waitFor(() => expect(within(dialog).getByRole('button', { name: 'Keep everything' })).toHaveFocus())
    await press('Remove and free 12.3 GB')
    expect(await screen.findByText('Removing 1 of 2 items')).toBeVisible()
    expect(sent).toEqual([{ items: ['p1', 'r1'], unusedDays: 30, confirm: true }])
    expect(screen.getByRole('button', { name: /^Remove 2 items/ })).toHaveAttribute('aria-disabled', 'true')
    items = [UNUSED]
    task = aCleanUp({ status: 'completed', filesDone: 2, bytesFreed: 12.3e9, result: 'removed' })
    expect(await screen.findByText('12.3 GB freed')).toBeVisible()
    expect(screen.getByText('2 items removed.')).toBeVisible()
    await waitFor(() => expect(screen.queryByText('Unfinished downloads')).toBeNull())
  })

  it('says what becomes of models', async () => {
    show()
    await userEvent.click(await screen.findByRole('checkbox', { name: /BGE M3/ }))
    await press(/^Remove 3 items/)
    expect(screen.getByRole('dialog')).toHaveTextContent(
      '1 model loses its files and can be downloaded again.',
    )
  })

  it('whose plan has changed removes nothing, and shows the new one', async () => {
    show('admin', () => {
      items = [OLD]
      return HttpResponse.json(
        { code: 'PLAN_CHANGED', detail: 'Changed.', missing: ['p1'] },
        { status: 409 },
      ) as never
    })
    await press(/^Remove 2 items/)
    await press('Remove and free 12.3 GB')
    expect(await screen.findByRole('alert')).toHaveTextContent(
      'The plan has changed meanwhile. Nothing was removed.',
    )
    await waitFor(() => expect(screen.queryByText('Unfinished downloads')).toBeNull())
    expect(screen.getByRole('button', { name: 'Remove 1 item and free 10.5 GB…' })).toBeVisible()
  })

  it('that is refused says so in the dialog', async () => {
    show('admin', () => HttpResponse.json({ detail: 'Away.', remedy: 'Later.' }, { status: 503 }) as never)
    await press(/^Remove 2 items/)
    await press('Remove and free 12.3 GB')
    expect(await within(screen.getByRole('dialog')).findByRole('alert')).toHaveTextContent('Away.Later.')
  })

  it('that fails says why, and what was freed until then', async () => {
    show()
    const error = {
      code: 'CACHE_PERMISSION_DENIED',
      detail: 'The cache can not be written.',
      remedy: 'Allow it.',
    }
    server.use(
      http.get('*/api/tasks/c1', () =>
        HttpResponse.json(aCleanUp({ status: 'failed', error, bytesFreed: 1e9 })),
      ),
    )
    await press(/^Remove 2 items/)
    await press('Remove and free 12.3 GB')
    expect(await screen.findByText('The cache can not be written.')).toBeVisible()
    expect(screen.getByText(/1\.0 GB freed until then/)).toBeVisible()
  })

  it('that somebody else has started is shown too', async () => {
    show()
    server.use(
      http.get('*/api/operations', () => HttpResponse.json([aCleanUp()])),
      http.get('*/api/tasks/c1', () => HttpResponse.json(aCleanUp())),
    )
    expect(await screen.findByText('Removing 1 of 2 items')).toBeVisible()
  })
})
