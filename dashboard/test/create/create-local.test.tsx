import { act, screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { delay, http, HttpResponse } from 'msw'
import { describe, expect, it } from 'vitest'
import CreatePage from '../../src/create/create-page'
import { LiveModels } from '../../src/live/apply'
import { progress } from '../../src/live/progress'
import { aDownload, aModel, renderPage } from '../make'
import { server } from '../server'
import { aFound, anAccess, aPreview, aVariant } from '../hub'
import { anApi, aStorage, refusal } from './api'

const REPO = 'unsloth/Qwen3-14B-GGUF'
const FILE = 'Qwen3-14B-Q4_K_M.gguf'

const repository = () => screen.getByLabelText('Repository')
const name = () => screen.getByLabelText('Name')
const submit = () => screen.getByRole('button', { name: /^Create|^Start|^Creat/ })
const panel = () => within(screen.getByText('What happens').parentElement!)
const size = (gigabytes: number, fits: boolean) => ({
  diskBytes: gigabytes * 1e9,
  memoryBytes: (gigabytes + 2) * 1e9,
  fits,
})
const variant = (quantization: string) => screen.findByLabelText(new RegExp(`^${quantization}`))

async function openWith(repo: string) {
  const user = userEvent.setup()
  const page = renderPage(<CreatePage />)
  await user.click(repository())
  await user.paste(repo)
  return { user, ...page }
}

describe('choosing what to download', () => {
  it('shows the repository and its files, with the best fit chosen and a name filled in', async () => {
    anApi()
    await openWith(`https://huggingface.co/${REPO}`)
    expect(await variant('Q4_K_M')).toBeChecked()
    expect(screen.getByText('14.8B params')).toBeVisible()
    expect(screen.getAllByText('apache-2.0')[0]).toBeVisible()
    expect(name()).toHaveValue('Qwen3 14B Q4_K_M')
    expect(panel().getByText('9.0 GB')).toBeVisible()
    expect(panel().getByText('312 GB')).toBeVisible()
    expect(submit()).toHaveAccessibleName('Create and download')
    await waitFor(() => expect(submit()).toBeEnabled())
  })

  it('follows the choice with the name until a person writes one', async () => {
    anApi()
    const { user } = await openWith(REPO)
    await user.click(await variant('Q8_0'))
    expect(name()).toHaveValue('Qwen3 14B Q8_0')
    await user.clear(name())
    await user.type(name(), 'Mine')
    await user.click(await variant('Q4_0'))
    expect(name()).toHaveValue('Mine')
  })

  it('begins with the file of a link', async () => {
    anApi()
    await openWith(`https://huggingface.co/${REPO}/blob/main/Qwen3-14B-Q8_0.gguf`)
    expect(await variant('Q8_0')).toBeChecked()
  })

  it('links what is registered already, and does not offer it again', async () => {
    const taken = aVariant('Q6_K', 12, { status: 'downloaded', modelId: 3 })
    anApi({ preview: aPreview({ variants: [...aPreview().variants, taken] }) })
    await openWith(REPO)
    expect(await variant('Q6_K')).toBeDisabled()
    expect(screen.getByRole('link', { name: 'Downloaded' })).toHaveAttribute('href', '/models?info=3')
  })

  it('shows six files around the chosen one, and all on demand', async () => {
    const variants = ['Q2_K', 'Q3_K_S', 'Q3_K_M', 'Q4_0', 'Q4_K_S', 'Q4_K_M', 'Q5_K_M', 'Q6_K', 'Q8_0'].map(
      (method, index) => aVariant(method, index + 1, { recommended: method === 'Q5_K_M' }),
    )
    anApi({ preview: aPreview({ variants }) })
    const { user } = await openWith(REPO)
    expect(await variant('Q5_K_M')).toBeChecked()
    expect(screen.getAllByRole('radio', { name: /^Q/ })).toHaveLength(6)
    await user.click(screen.getByRole('button', { name: 'Show all 9 files' }))
    expect(screen.getAllByRole('radio', { name: /^Q/ })).toHaveLength(9)
  })

  it('shows quality, memory and fit where the API knows them', async () => {
    const known = aVariant('Q4_0', 8, {
      recommended: true,
      fits: true,
      memoryBytes: 9.6e9,
      ratings: { quality: 3, memory: null, speed: null },
    })
    const large = { fits: false, fitsMemory: false, memoryBytes: 20e9, memoryUnknown: ['kvCache'] }
    const variants = [known, aVariant('Q8_0', 15.7, large), aVariant('F16', 30, { fitsDisk: false })]
    anApi({ preview: aPreview({ variants }) })
    await openWith(REPO)
    expect(await variant('Q4_0')).toHaveAccessibleDescription('8.0 GB 9.6 GB memory Fits')
    expect(screen.getByText('Quality 3 of 5')).toBeInTheDocument()
    expect(await variant('Q8_0')).toHaveAccessibleDescription(
      '15.7 GB at least 20.0 GB memory Too big for memory',
    )
    expect(await variant('F16')).toHaveAccessibleDescription('30.0 GB – memory No room on disk')
  })

  it('tells what a repository of safetensors takes at each precision', async () => {
    const whole = aVariant('', 29.5, { kind: 'repository', filename: null, quantization: null })
    const estimatedSizes = { q4: size(8, true), q8: size(16, true), fp16: size(30, false) }
    anApi({ preview: aPreview({ variants: [whole], estimatedSizes }) })
    await openWith('Qwen/Qwen3-14B')
    const table = await screen.findByRole('table')
    expect(
      within(table)
        .getAllByRole('row')
        .map((row) => row.textContent),
    ).toEqual([
      'Loaded asDiskMemoryFit',
      'q4 4 bits a weight8.0 GB10.0 GBFits',
      'q8 8 bits a weight16.0 GB18.0 GBFits',
      'fp16 16 bits a weight30.0 GB32.0 GBToo big for memory',
    ])
  })

  it('shows its dimensions in a line, all facts on demand, and how old an answer is that was kept', async () => {
    const fetchedAt = new Date(Date.now() - 3 * 3_600_000).toISOString()
    anApi({ preview: aPreview({ stale: true, fetchedAt, baseModel: 'Qwen/Qwen3-14B' }) })
    const { user } = await openWith(REPO)
    const found = within(await screen.findByRole('region', { name: REPO }))
    for (const word of ['40k context', '40 layers', '5,120 hidden', '40 heads, 8 KV'])
      expect(found.getByText(word)).toBeVisible()
    expect(found.getByText('Vocabulary')).not.toBeVisible()
    await user.click(found.getByText('All facts'))
    expect(found.getByText('151,936')).toBeVisible()
    expect(found.getByRole('link', { name: /^Qwen\/Qwen3-14B/ })).toHaveAttribute(
      'href',
      'https://huggingface.co/Qwen/Qwen3-14B',
    )
    expect(found.getByText(/Hugging Face is not reachable: as of 3 h ago/)).toBeVisible()
  })

  it('completes what is typed from what the Hub finds', async () => {
    const { asked } = anApi({ found: [aFound('Qwen/Qwen3-14B-GGUF'), aFound(REPO)] })
    const { user } = await openWith('qwen3 14b')
    const list = await screen.findByRole('listbox', { name: 'Repositories' })
    expect(within(list).getAllByRole('option')).toHaveLength(2)
    expect(screen.queryByText(/^Use owner\/name/)).not.toBeInTheDocument()
    await user.keyboard('{ArrowDown}{ArrowDown}{Enter}')
    expect(repository()).toHaveValue(REPO)
    expect(await variant('Q4_K_M')).toBeChecked()
    expect(screen.queryByRole('listbox')).not.toBeInTheDocument()
    expect(asked('GET /api/hub/search').map(({ url }) => url.searchParams.get('q'))).toEqual(['qwen3 14b'])
  })

  it('says what can’t be a repository and finds none, and resolves nothing', async () => {
    const { asked } = anApi()
    await openWith('two words')
    expect(
      await screen.findByText('Use owner/name, a huggingface.co link, or a direct file link.'),
    ).toBeVisible()
    expect(asked('GET /api/hub/resolve')).toHaveLength(0)
    expect(submit()).toBeDisabled()
  })

  it('says what the API finds wrong with a link', async () => {
    anApi()
    await openWith('https://example.com/a/b/c')
    expect(await screen.findByText('It is not the Hub.')).toBeVisible()
  })

  it.each([
    ['REPO_NOT_FOUND', 404, 'No such repository'],
    ['HUB_OFFLINE', 503, 'Hugging Face is switched off here'],
    ['INVALID_HF_TOKEN', 424, 'The token was rejected'],
  ])('explains %s', async (code, status, title) => {
    const access = anAccess({ status: 'token_invalid', tokenSource: 'server' })
    anApi({ preview: () => refusal(status, code, 'Detail.'), access })
    await openWith(REPO)
    expect(await screen.findByText(title)).toBeVisible()
  })

  it('lets a repository be registered by file name while the Hub is away, and asks again', async () => {
    let isAway = true
    const { asked } = anApi({
      preview: () =>
        isAway ? refusal(503, 'HUB_UNAVAILABLE', 'The Hub does not answer.') : HttpResponse.json(aPreview()),
    })
    server.use(http.post('*/api/models', () => HttpResponse.json(aModel({ id: 50 }), { status: 201 })))
    const { user } = await openWith(REPO)
    await user.type(await screen.findByLabelText(/^File name/), 'x-Q4_0.gguf')
    await waitFor(() => expect(name()).toHaveValue('Qwen3 14B Q4_0'))
    isAway = false
    await user.click(screen.getByRole('button', { name: 'Try again' }))
    expect(await variant('Q4_K_M')).toBeChecked()
    expect(asked('GET /api/hub/repo')).toHaveLength(2)
  })
})

describe('room', () => {
  it('blocks a download that does not fit, with the numbers, and still lets it be registered', async () => {
    anApi({ storage: aStorage({ availableAfterQueueBytes: 4.2e9 }) })
    const { user } = await openWith(REPO)
    expect(await screen.findByText('Needs 9.0 GB, 4.2 GB free after the queue.')).toBeVisible()
    expect(submit()).toBeDisabled()
    await user.click(screen.getByRole('checkbox', { name: 'Download immediately' }))
    expect(submit()).toHaveAccessibleName('Create')
    expect(submit()).toBeEnabled()
  })

  it('says nothing of room that nobody has told', async () => {
    anApi({
      storage: aStorage({
        totalBytes: null,
        usedBytes: null,
        availableBytes: null,
        availableAfterQueueBytes: null,
      }),
    })
    await openWith(REPO)
    await variant('Q4_K_M')
    expect(panel().queryByText('Free now')).not.toBeInTheDocument()
    await waitFor(() => expect(submit()).toBeEnabled())
  })
})

describe('creating', () => {
  const created = aModel({
    id: 7,
    name: 'Qwen3 14B Q4_K_M',
    hfRepo: REPO,
    modelFile: FILE,
    downloadStatus: 'Pending',
    hasHfToken: true,
    activeOperation: aDownload({ status: 'Pending', phase: null, percent: 0, bytesDownloaded: 0 }),
  })

  it('shows the download in the page, from start to end, with the form still filled', async () => {
    const { asked } = anApi()
    server.use(http.post('*/api/models', () => HttpResponse.json(created, { status: 201 })))
    const { user, queries } = await openWith(REPO)
    await variant('Q4_K_M')
    await user.type(screen.getByLabelText(/^Hugging Face token/), 'hf_secret')
    await user.click(submit())

    expect(await panel().findByText('Pending')).toBeVisible()
    expect(screen.getByRole('button', { name: 'Created' })).toBeVisible()
    expect(asked('POST /api/models')[0]?.body).toEqual({
      type: 'local',
      name: 'Qwen3 14B Q4_K_M',
      category: 'llm',
      isActive: true,
      hfRepo: REPO,
      revision: 'main',
      modelFile: FILE,
      allowPatterns: null,
      ignorePatterns: null,
      hfToken: 'hf_secret',
      downloadNow: true,
    })

    const live = new LiveModels(queries, progress)
    act(() => live.apply('download.progress', { downloads: [aDownload()] }))
    expect(await panel().findByText('43%')).toBeVisible()
    expect(panel().getByText('3.91 GB of 9.0 GB')).toBeVisible()
    expect(panel().getByText('86.4 MB/s')).toBeVisible()
    expect(panel().getByText('59 s left')).toBeVisible()
    expect(panel().getByRole('button', { name: 'Cancel download' })).toBeEnabled()

    const here = { ...created, downloadStatus: 'Downloaded', downloaded: true, activeOperation: null }
    server.use(http.get('*/api/models/7', () => HttpResponse.json(here)))
    act(() => live.apply('download.completed', aDownload({ status: 'Downloaded', percent: 100 })))
    expect(await panel().findByText('Downloaded')).toBeVisible()
    expect(panel().getByRole('link', { name: 'Show model' })).toHaveAttribute('href', '/models?info=7')

    expect(repository()).toHaveValue(REPO)
    expect(repository()).toBeDisabled()
    expect(name()).toHaveValue('Qwen3 14B Q4_K_M')
    expect(sessionStorage).toHaveLength(0)
    expect(document.body.innerHTML).not.toContain('hf_secret')
    expect(screen.queryByLabelText(/^Hugging Face token/, { selector: 'input' })).not.toBeInTheDocument()
  })

  it('shows why a download failed, and starts it again', async () => {
    const failed = {
      ...created,
      downloadStatus: 'Failed',
      activeOperation: null,
      error: { code: 'DOWNLOAD_STALLED', detail: 'No byte arrived.', remedy: 'Check the network.' },
    }
    const { asked } = anApi()
    server.use(
      http.post('*/api/models', () => HttpResponse.json(failed, { status: 201 })),
      http.post('*/api/models/7/download', () => HttpResponse.json(aDownload())),
      http.get('*/api/models/7', () => HttpResponse.json({ ...created, activeOperation: aDownload() })),
    )
    const { user } = await openWith(REPO)
    await variant('Q4_K_M')
    await waitFor(() => expect(submit()).toBeEnabled())
    await user.click(submit())
    expect(await panel().findByText('No byte arrived.')).toBeVisible()
    expect(panel().getByText('Check the network.')).toBeVisible()
    await user.click(panel().getByRole('button', { name: 'Retry download' }))
    expect(await panel().findByText('43%')).toBeVisible()
    expect(asked('POST /api/models/7/download')).toHaveLength(1)
    act(() => progress.drop(7))
  })

  it('shows a taken name at its field, with the way to the other model', async () => {
    anApi()
    server.use(
      http.post('*/api/models', () =>
        refusal(409, 'MODEL_ALREADY_EXISTS', 'This name is taken.', { existingId: 3, field: 'name' }),
      ),
    )
    const { user } = await openWith(REPO)
    await variant('Q4_K_M')
    await waitFor(() => expect(submit()).toBeEnabled())
    await user.click(submit())
    await waitFor(() => expect(name()).toHaveAccessibleDescription(/This name is taken/))
    expect(name()).toHaveFocus()
    expect(screen.getByRole('link', { name: 'Show it' })).toHaveAttribute('href', '/models?info=3')
    await user.type(name(), ' 2')
    expect(screen.queryByText(/This name is taken/)).not.toBeInTheDocument()
    expect(submit()).toBeEnabled()
  })

  it('sends a double click once', async () => {
    const { asked } = anApi()
    server.use(
      http.post('*/api/models', async () => {
        await delay(50)
        return HttpResponse.json({ ...created, activeOperation: null }, { status: 201 })
      }),
    )
    const { user } = await openWith(REPO)
    await variant('Q4_K_M')
    await waitFor(() => expect(submit()).toBeEnabled())
    await user.dblClick(submit())
    expect(await screen.findByRole('button', { name: 'Created' })).toBeVisible()
    await user.click(screen.getByRole('button', { name: 'Created' }))
    expect(asked('POST /api/models')).toHaveLength(1)
  })

  it('repeats a lost answer under the same key, and a changed form under another', async () => {
    const { asked } = anApi()
    server.use(http.post('*/api/models', () => HttpResponse.error()))
    const { user } = await openWith(REPO)
    await variant('Q4_K_M')
    await waitFor(() => expect(submit()).toBeEnabled())
    await user.click(submit())
    await user.click(await screen.findByRole('button', { name: 'Try again' }))
    await waitFor(() => expect(asked('POST /api/models')).toHaveLength(2))
    expect(repository()).toHaveValue(REPO)
    await screen.findByRole('button', { name: 'Try again' })
    await user.type(name(), '!')
    await user.click(submit())
    await waitFor(() => expect(asked('POST /api/models')).toHaveLength(3))
    const [first, second, third] = asked('POST /api/models').map(({ headers }) =>
      headers.get('Idempotency-Key'),
    )
    expect(first).toMatch(/^[0-9a-f]{32}$/)
    expect(second).toBe(first)
    expect(third).not.toBe(first)
  })
})
