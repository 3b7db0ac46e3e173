import { act, screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { http, HttpResponse } from 'msw'
import { describe, expect, it } from 'vitest'
import type { Model } from '../../src/api/models'
import EditPage from '../../src/create/edit-page'
import { progress } from '../../src/live/progress'
import { aDownload, aHosted, aModel, renderPage } from '../make'
import { server } from '../server'
import { aPreview, aVariant } from '../hub'
import { anApi, refusal } from './api'

const field = (label: string | RegExp) => screen.getByLabelText(label)
const save = () => screen.getByRole('button', { name: 'Save changes' })
const group = (label: string) => within(screen.getByRole('group', { name: label }))

async function open(model: Model, options: Parameters<typeof anApi>[0] = {}) {
  const api = anApi({ models: [model], ...options })
  server.use(http.patch(`*/api/models/${model.id}`, () => HttpResponse.json(model)))
  history.replaceState(null, '', `/models/${model.id}/edit`)
  const user = userEvent.setup()
  const page = renderPage(<EditPage id={model.id} />)
  await screen.findByRole('heading', { level: 1, name: `Edit ${model.name}` })
  const patches = () => api.asked(`PATCH /api/models/${model.id}`).map(({ body }) => body)
  return { user, patches, ...api, ...page }
}

describe('editing a hosted model', () => {
  it('sends only what has changed, and closes', async () => {
    const { user, patches } = await open(aHosted())
    await user.type(field('Name'), '!')
    await user.selectOptions(screen.getByRole('combobox', { name: 'Kind' }), 'Embedding')
    await user.click(screen.getByRole('switch', { name: /^Active/ }))
    await user.click(save())
    expect(await screen.findByText('Changes saved')).toBeVisible()
    expect(patches()).toEqual([{ name: 'GPT-5 mini!', category: 'embedding', isActive: false }])
    expect(location.pathname).toBe('/models')
  })

  it('sends nothing when nothing has changed', async () => {
    const { user, patches } = await open(aHosted())
    await waitFor(() => expect(save()).toBeEnabled())
    await user.click(save())
    await waitFor(() => expect(location.pathname).toBe('/models'))
    expect(patches()).toEqual([])
  })

  it('never shows the stored key; replaces it', async () => {
    const { user, patches } = await open(aHosted())
    expect(group('API key').getByText('•••••')).toBeVisible()
    await user.click(group('API key').getByRole('button', { name: 'Replace' }))
    expect(screen.getByLabelText('API key')).toHaveFocus()
    expect(screen.getByLabelText('API key')).toHaveValue('')
    await waitFor(() => expect(save()).toBeDisabled())
    await user.type(screen.getByLabelText('API key'), 'sk-new')
    await user.click(save())
    await waitFor(() => expect(patches()).toEqual([{ apiKey: 'sk-new' }]))
    expect(JSON.stringify({ ...sessionStorage })).not.toContain('sk-new')
  })

  it('removes the stored key, unless that is undone', async () => {
    const { user, patches } = await open(aHosted())
    await user.click(group('API key').getByRole('button', { name: 'Remove' }))
    expect(group('API key').getByText('Removed when you save')).toBeVisible()
    await user.click(group('API key').getByRole('button', { name: 'Undo' }))
    expect(group('API key').getByText('•••••')).toBeVisible()
    await user.click(group('API key').getByRole('button', { name: 'Remove' }))
    await user.click(save())
    await waitFor(() => expect(patches()).toEqual([{ apiKey: null }]))
  })

  it('tests the stored connection with what has changed only', async () => {
    const { user, asked } = await open(aHosted())
    server.use(
      http.post('*/api/models/test-connection', () =>
        HttpResponse.json({ ok: true, latencyMs: 5, models: [], error: null }),
      ),
    )
    await user.click(screen.getByRole('button', { name: 'Test connection' }))
    await screen.findByText(/^Connected/)
    await user.clear(field('Base URL'))
    await user.type(field('Base URL'), 'http://127.0.0.1:9000/v1')
    expect(screen.getByText('Not tested')).toBeVisible()
    await user.click(screen.getByRole('button', { name: 'Test connection' }))
    await screen.findByText(/^Connected/)
    expect(asked('POST /api/models/test-connection').map(({ body }) => body)).toEqual([
      { modelId: 8 },
      { modelId: 8, baseUrl: 'http://127.0.0.1:9000/v1' },
    ])
  })

  it('shows refused fields where they are, and everything else as a whole', async () => {
    const { user } = await open(aHosted())
    server.use(
      http.patch('*/api/models/8', () =>
        refusal(422, 'VALIDATION_ERROR', 'Wrong.', { errors: { baseUrl: ['Is not a valid address.'] } }),
      ),
    )
    await user.type(field('Base URL'), 'x')
    await user.click(save())
    await waitFor(() => expect(field('Base URL')).toHaveAccessibleDescription('Is not a valid address.'))
    server.use(
      http.patch('*/api/models/8', () => refusal(503, 'SERVICE_UNAVAILABLE', 'The database is away.')),
    )
    await user.type(field('Base URL'), 'y')
    await user.click(save())
    expect(await screen.findByText('The database is away.')).toBeVisible()
    expect(field('Base URL')).toHaveValue('https://api.openai.com/v1xy')
  })

  it('keeps its draft over a reload, and asks before it is left', async () => {
    const { user, unmount } = await open(aHosted())
    await user.type(field('Name'), '!')
    unmount()
    const { user: again } = await open(aHosted())
    expect(field('Name')).toHaveValue('GPT-5 mini!')
    await again.keyboard('{Escape}')
    expect(await screen.findByText('Discard your changes?')).toBeVisible()
    await again.click(screen.getByRole('button', { name: 'Keep editing' }))
    await again.click(screen.getByRole('button', { name: 'Discard draft' }))
    expect(field('Name')).toHaveValue('GPT-5 mini')
    expect(sessionStorage).toHaveLength(0)
  })
})

describe('editing a local model', () => {
  const preview = aPreview({
    repo: 'unsloth/Qwen3-0.6B-GGUF',
    variants: [
      aVariant('Q4_0', 0.4, { filename: 'Qwen3-0.6B-Q4_0.gguf', modelId: 7 }),
      aVariant('Q8_0', 0.8, { filename: 'Qwen3-0.6B-Q8_0.gguf' }),
    ],
  })

  it('takes another file while nothing is downloaded', async () => {
    const { user, patches } = await open(aModel(), { preview })
    expect(await screen.findByLabelText(/^Q4_0/)).toBeChecked()
    expect(field('Name')).toHaveValue('Qwen3 0.6B')
    await user.click(screen.getByLabelText(/^Q8_0/))
    expect(screen.getByText('Save the changes first.')).toBeVisible()
    await user.click(save())
    await waitFor(() => expect(patches()).toEqual([{ modelFile: 'Qwen3-0.6B-Q8_0.gguf' }]))
  })

  it('says why repository and file can’t change once it is downloaded', async () => {
    const here = aModel({ downloadStatus: 'Downloaded', downloaded: true, fileSizeBytes: 4e8 })
    const { user, patches, asked } = await open(here)
    expect(screen.getByText(/^What is downloaded can’t be pointed/)).toBeVisible()
    expect(screen.queryByLabelText('Repository')).not.toBeInTheDocument()
    expect(asked('GET /api/hub/repo')).toHaveLength(0)
    await user.type(field('Name'), '!')
    await user.click(save())
    await waitFor(() => expect(patches()).toEqual([{ name: 'Qwen3 0.6B!' }]))
  })

  it('leaves the path of a local model alone', async () => {
    const { user, patches } = await open(
      aModel({
        source: 'path',
        localPath: '/srv/models/mine',
        hfRepo: null,
        revision: null,
        modelFile: null,
        downloaded: true,
      }),
    )
    expect(screen.getByText('/srv/models/mine')).toBeVisible()
    expect(screen.queryByText('What happens')).not.toBeInTheDocument()
    await user.type(field('Name'), '!')
    await user.click(save())
    await waitFor(() => expect(patches()).toEqual([{ name: 'Qwen3 0.6B!' }]))
  })

  it('starts a download, shows it, and holds the file meanwhile', async () => {
    const { user, asked } = await open(aModel(), { preview })
    const running = aModel({ downloadStatus: 'Downloading', activeOperation: aDownload() })
    server.use(
      http.post('*/api/models/7/download', () => HttpResponse.json(aDownload())),
      http.get('*/api/models/7', () => HttpResponse.json(running)),
    )
    await user.click(await screen.findByRole('button', { name: 'Start download' }))
    expect(await screen.findByText('43%')).toBeVisible()
    expect(screen.getByText(/^A download is under way/)).toBeVisible()
    expect(asked('POST /api/models/7/download')).toHaveLength(1)
    act(() => progress.drop(7))
  })

  it('saves a token first, then lists the files of a gated repository with it', async () => {
    let hasToken = false
    const gated = aPreview({ gated: 'manual', totalBytes: null, fileCount: null, variants: [] })
    const { user, patches, asked } = await open(aModel({ modelFile: null }), {
      preview: () => HttpResponse.json(hasToken ? { ...preview, gated: 'manual' } : gated),
    })
    server.use(
      http.patch('*/api/models/7', () => {
        hasToken = true
        return HttpResponse.json(aModel({ modelFile: null, hasHfToken: true }))
      }),
    )
    await user.type(screen.getByLabelText(/^Hugging Face token/), 'hf_new')
    await user.click(await screen.findByRole('button', { name: 'Save and list files' }))
    expect(await screen.findByLabelText(/^Q8_0/)).toBeEnabled()
    expect(patches()).toEqual([{ hfToken: 'hf_new' }])
    expect(asked('GET /api/hub/repo').at(-1)?.url.searchParams.get('modelId')).toBe('7')
    expect(group('Hugging Face token').getByText('•••••')).toBeVisible()
    expect(document.body.innerHTML).not.toContain('hf_new')
  })
})

describe('a model that is not in the list', () => {
  it('is asked for by its id', async () => {
    anApi()
    server.use(http.get('*/api/models/8', () => HttpResponse.json(aHosted())))
    renderPage(<EditPage id={8} />)
    expect(await screen.findByRole('heading', { name: 'Edit GPT-5 mini' })).toBeVisible()
  })

  it('may not be there at all', async () => {
    anApi()
    server.use(http.get('*/api/models/9', () => refusal(404, 'MODEL_NOT_FOUND', 'There is no such model.')))
    renderPage(<EditPage id={9} />)
    expect(await screen.findByRole('heading', { name: 'No such model' })).toBeVisible()
    expect(screen.getByRole('link', { name: 'Show all models' })).toHaveAttribute('href', '/models')
  })
})
