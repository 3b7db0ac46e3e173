import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { http, HttpResponse } from 'msw'
import { describe, expect, it, vi } from 'vitest'
import type { Me } from '../../src/api/auth'
import StoragePage from '../../src/storage/storage-page'
import { aModel, renderPage } from '../make'
import { server } from '../server'
import { aCleanUp, aRepo, aStranger, aVolume, serveCache } from './make'

const show = (role: Me['role'] = 'admin') => renderPage(<StoragePage />, role)
const rows = async () =>
  within(await screen.findByRole('table', { name: 'Repositories' }))
    .getAllByRole('row')
    .slice(1)
const names = async () => (await rows()).map((row) => row.querySelector('button')?.textContent)
const press = async (name: string | RegExp) => userEvent.click(await screen.findByRole('button', { name }))

describe('the numbers', () => {
  it('tell of the volume and of whose the bytes of the cache are', async () => {
    serveCache([aRepo(), aStranger()])
    show()
    const volume = await screen.findByRole('region', { name: 'Volume' })
    expect(volume).toHaveTextContent('40.0 GB used of 500 GB')
    const facts = within(volume)
      .getAllByRole('term')
      .map((term) => [term.textContent, term.nextSibling?.textContent])
    expect(facts).toEqual([
      ['Available', '460 GB'],
      ['Reserved', '5.0 GB'],
      ['After queue', '455 GB'],
      ['Cache', expect.stringMatching(/^12\.1 GBscanned /)],
      ['Managed', '9.0 GBin 7 models'],
      ['Unmanaged', '3.1 GB1 repository of no model'],
      ['Unfinished', '1.8 GBhalf files of downloads'],
    ])
  })

  it('are measured anew when somebody asks, and the cache is read with them', async () => {
    const asked: string[] = []
    serveCache([aRepo()])
    server.use(
      http.get('*/api/storage', ({ request }) => {
        asked.push(new URL(request.url).search)
        return HttpResponse.json(aVolume(asked.length > 1 ? { usedBytes: 41e9 } : {}))
      }),
      http.get('*/api/cache/repos', () => {
        asked.push('repos')
        return HttpResponse.json([aRepo()])
      }),
    )
    show()
    await rows()
    await press('Rescan')
    expect(await screen.findByText('41.0 GB')).toBeVisible()
    expect(asked).toContain('?refresh=true')
    await waitFor(() => expect(asked.filter((one) => one === 'repos')).toHaveLength(2))
  })

  it('that do not come say why, and may be asked for again', async () => {
    serveCache([aRepo()])
    server.use(
      http.get('*/api/cache/repos', () => HttpResponse.json({ detail: 'Away.' }, { status: 503 }), {
        once: true,
      }),
    )
    show()
    expect(await screen.findByRole('alert')).toHaveTextContent('Storage could not be read')
    await press('Try again')
    expect(await names()).toEqual(['unsloth/Qwen3-14B-GGUF'])
  })
})

describe('several volumes', () => {
  const one = {
    name: 'one',
    totalBytes: 300e9,
    usedBytes: 40e9,
    availableBytes: 260e9,
    reservedBytes: 5e9,
    cacheBytes: 9e9,
    models: 7,
    workers: 2,
    seenAt: new Date().toISOString(),
  }
  const lost = { ...one, name: 'two', models: 1, workers: 0 }
  const several = () => aVolume({ volumes: [one, lost] })

  it('are told each by itself, and which nobody serves', async () => {
    serveCache([aRepo()], undefined, several)
    show()
    const table = within(await screen.findByRole('region', { name: 'Volumes' })).getByRole('table')
    const cells = within(table)
      .getAllByRole('row')
      .map((row) => [...row.children].map((cell) => cell.textContent))
    expect(cells.slice(1)).toEqual([
      ['one', '40.0 GB of 300 GB', '260 GB', '5.0 GB', '7', '2'],
      ['two', '40.0 GB of 300 GB', '260 GB', '5.0 GB', '1', expect.stringMatching(/^none, seen /)],
    ])
  })

  it('can be given up by an admin where nobody serves them, once the API says so', async () => {
    serveCache([aRepo()], undefined, several)
    const forgotten = vi.fn()
    server.use(
      http.delete('*/api/storage/volumes', ({ request }) => {
        forgotten(new URL(request.url).searchParams.get('name'))
        if (forgotten.mock.calls.length > 1) return new HttpResponse(null, { status: 204 })
        const refusal = { code: 'VOLUME_IN_USE', status: 409, detail: 'Workers serve this volume.' }
        return HttpResponse.json(refusal, { status: 409 })
      }),
    )
    show()
    await press('Forget two…')
    expect(screen.queryByRole('button', { name: 'Forget one…', hidden: true })).toBeNull()
    const question = await screen.findByRole('dialog', { name: 'Forget the volume two?' })
    expect(question).toHaveTextContent('1 model will have to be downloaded again.')
    await waitFor(() => expect(within(question).getByRole('button', { name: 'Keep waiting' })).toHaveFocus())
    await press('Forget volume')
    expect(await within(question).findByRole('alert')).toHaveTextContent('Workers serve this volume.')
    serveCache([aRepo()], undefined, () => aVolume({ volumes: [one] }))
    await press('Forget volume')
    expect(await screen.findByText('two forgotten')).toBeVisible()
    await waitFor(() => expect(screen.queryByRole('region', { name: 'Volumes' })).toBeNull())
    expect(forgotten.mock.calls).toEqual([['two'], ['two']])
  })

  it('are no business of who is no admin', async () => {
    serveCache([aRepo()], undefined, several)
    show('operator')
    await screen.findByRole('region', { name: 'Volumes' })
    expect(screen.queryByRole('button', { name: /^Forget/ })).toBeNull()
  })

  it('are not spoken of where there is one', async () => {
    serveCache([aRepo()], undefined, () => aVolume({ volumes: [one] }))
    show()
    await rows()
    expect(screen.queryByRole('region', { name: 'Volumes' })).toBeNull()
    expect(screen.queryByText(/^on /)).toBeNull()
  })

  it('hold a repository each, and it is deleted from the one that was meant', async () => {
    serveCache([aStranger({ volume: 'one' }), aStranger({ volume: 'two' })], undefined, several)
    const deleted = vi.fn()
    server.use(
      http.delete('*/api/cache/repos', ({ request }) => {
        deleted(new URL(request.url).searchParams.get('volume'))
        return HttpResponse.json(aCleanUp({ status: 'pending' }), { status: 202 })
      }),
      http.get('*/api/tasks/c1', () => HttpResponse.json(aCleanUp())),
    )
    show()
    const found = await rows()
    const second = found.find((row) => row.textContent.includes('on two'))
    expect(found).toHaveLength(2)
    await userEvent.click(
      within(second!).getByRole('button', { name: 'Delete openai/whisper-large-v3 from disk…' }),
    )
    await press('Delete and free 3.1 GB')
    await waitFor(() => expect(second).toHaveTextContent('Deleting…'))
    expect(deleted).toHaveBeenCalledWith('two')
    expect(found.find((row) => row !== second)).not.toHaveTextContent('Deleting…')
  })
})

describe('the map', () => {
  it('is a list of what fills the cache, the largest first', async () => {
    serveCache([aStranger(), aRepo()])
    show()
    const map = await screen.findByRole('list', { name: 'What fills the cache' })
    const blocks = within(map).getAllByRole('button')
    expect(blocks.map((block) => block.firstElementChild?.textContent)).toEqual([
      'unsloth/Qwen3-14B-GGUF, 9.0 GB',
      'openai/whisper-large-v3, 3.1 GB, no downloaded model uses it',
      'Unfinished downloads, 1.8 GB',
    ])
  })

  it('shows the whole volume too, with what is free', async () => {
    serveCache([aRepo()])
    show()
    await userEvent.click(await screen.findByRole('radio', { name: 'Whole volume' }))
    const map = screen.getByRole('list', { name: 'What fills the volume' })
    expect(map).toHaveTextContent('Free, 460 GB')
    expect(map).toHaveTextContent('Other files, 29.2 GB')
  })

  it('is one stop of the keyboard, with arrows from block to block; Enter opens the repository', async () => {
    serveCache([aStranger(), aRepo()])
    show()
    const map = await screen.findByRole('list', { name: 'What fills the cache' })
    const [first, second] = within(map).getAllByRole('button')
    expect(
      within(map)
        .getAllByRole('button')
        .filter((block) => block.tabIndex === 0),
    ).toEqual([first])
    first?.focus()
    await userEvent.keyboard('{ArrowRight}')
    expect(second).toHaveFocus()
    await userEvent.keyboard('{Enter}')
    expect(await screen.findByRole('list', { name: 'Revisions of openai/whisper-large-v3' })).toBeVisible()
    await waitFor(() => expect(screen.getByRole('button', { name: 'openai/whisper-large-v3' })).toHaveFocus())
  })
})

describe('the repositories', () => {
  it('are sorted by every column, both ways, and searched by name and model', async () => {
    serveCache([
      aStranger(),
      aRepo(),
      aRepo({ repo: 'BAAI/bge-m3', sizeBytes: 1e9, models: [{ id: 9, name: 'Embedder' }] }),
    ])
    show()
    expect(await names()).toEqual(['unsloth/Qwen3-14B-GGUF', 'openai/whisper-large-v3', 'BAAI/bge-m3'])
    await press('Repository')
    expect(await names()).toEqual(['BAAI/bge-m3', 'openai/whisper-large-v3', 'unsloth/Qwen3-14B-GGUF'])
    expect(location.search).toBe('?sort=repo')
    await press('Repository')
    expect(await names()).toEqual(['unsloth/Qwen3-14B-GGUF', 'openai/whisper-large-v3', 'BAAI/bge-m3'])
    await userEvent.type(screen.getByRole('searchbox'), 'embedd')
    expect(await names()).toEqual(['BAAI/bge-m3'])
    await userEvent.type(screen.getByRole('searchbox'), 'x')
    expect(screen.getByText('Nothing matches')).toBeVisible()
    await press('Show all repositories')
    expect(await names()).toHaveLength(3)
  })

  it('open to their revisions, with what dropping each would free', async () => {
    serveCache([aStranger(), aRepo()])
    show()
    await press('Show revisions of openai/whisper-large-v3')
    const list = screen.getByRole('list', { name: 'Revisions of openai/whisper-large-v3' })
    expect(list).toHaveTextContent(
      /77aabbccddmain2 files, 3\.1 GB, 1 Nov 2026.*3\.1 GB would be free without it/,
    )
    await press('Show revisions of unsloth/Qwen3-14B-GGUF')
    expect(screen.getByRole('list', { name: 'Revisions of unsloth/Qwen3-14B-GGUF' })).toHaveTextContent(
      'In use',
    )
    await press('Hide revisions of openai/whisper-large-v3')
    expect(list).not.toBeInTheDocument()
  })

  it('lead to the models that use them', async () => {
    serveCache([aRepo()])
    show()
    await press('Qwen3 14B')
    expect(location.search).toBe('?info=7')
  })

  it('of no model become one', async () => {
    serveCache([aStranger()])
    const adopted = vi.fn()
    server.use(
      http.post('*/api/cache/adopt', async ({ request }) => {
        adopted(await request.json())
        return HttpResponse.json(aModel({ id: 12, name: 'Whisper' }), { status: 201 })
      }),
    )
    show()
    await press('Add openai/whisper-large-v3 to the register…')
    const dialog = screen.getByRole('dialog', { name: 'Add to the register' })
    await userEvent.clear(within(dialog).getByLabelText('Name'))
    await userEvent.type(within(dialog).getByLabelText('Name'), 'Whisper')
    await userEvent.selectOptions(within(dialog).getByLabelText('Kind'), 'LLM')
    await press('Add model')
    expect(await screen.findByText('Whisper is in the register, its files are checked now')).toBeVisible()
    expect(adopted).toHaveBeenCalledWith({
      repo: 'openai/whisper-large-v3',
      volume: '/cache',
      name: 'Whisper',
      revision: 'main',
      category: 'llm',
    })
  })

  it('of no model are deleted once that was agreed to', async () => {
    serveCache([aStranger()])
    const deleted = vi.fn()
    server.use(
      http.delete('*/api/cache/repos', ({ request }) => {
        deleted(Object.fromEntries(new URL(request.url).searchParams))
        return HttpResponse.json(aCleanUp({ status: 'pending' }), { status: 202 })
      }),
      http.get('*/api/tasks/c1', () =>
        HttpResponse.json(aCleanUp({ status: 'completed', bytesFreed: 3.1e9 })),
      ),
    )
    show()
    await press('Delete openai/whisper-large-v3 from disk…')
    expect(screen.getByRole('dialog')).toHaveTextContent('Frees 3.1 GB, 3 files.')
    expect(screen.getByRole('button', { name: 'Keep files' })).toHaveFocus()
    await press('Delete and free 3.1 GB')
    expect(await screen.findByText('openai/whisper-large-v3 deleted, 3.1 GB freed')).toBeVisible()
    expect(deleted).toHaveBeenCalledWith({
      repo: 'openai/whisper-large-v3',
      volume: '/cache',
      confirm: 'true',
    })
  })

  it('that a model has come to use meanwhile are not deleted', async () => {
    serveCache([aStranger()])
    server.use(
      http.delete('*/api/cache/repos', () =>
        HttpResponse.json({ code: 'MODEL_IN_USE', detail: 'Whisper uses it.' }, { status: 409 }),
      ),
    )
    show()
    await press('Delete openai/whisper-large-v3 from disk…')
    await press('Delete and free 3.1 GB')
    expect(await screen.findByRole('alert')).toHaveTextContent('Whisper uses it.')
  })

  it('are only looked at by others than administrators', async () => {
    serveCache([aStranger()])
    show('operator')
    await rows()
    expect(screen.queryByRole('button', { name: /^(Add|Delete) openai/ })).toBeNull()
    expect(screen.getByRole('button', { name: 'Rescan' })).toBeVisible()
  })

  it('may be none', async () => {
    serveCache([])
    show()
    expect(await screen.findByText('The cache is empty')).toBeVisible()
  })
})
