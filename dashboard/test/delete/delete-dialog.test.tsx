import { act, screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { delay, http, HttpResponse } from 'msw'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { type Model, modelsKey, modelsQuery, type Usage } from '../../src/api/models'
import DeleteDialog from '../../src/delete/delete-dialog'
import { aDownload, aHosted, aModel, renderPage } from '../make'
import { server } from '../server'

const HERE: Partial<Model> = { downloadStatus: 'Downloaded', downloaded: true, fileSizeBytes: 381e6 }

let usage: Usage
let isAway: boolean
/** The queries of the DELETE requests. */
let deletes: Record<string, string>[]
/** What the server was asked to do, in order. */
let sent: string[]
let onClose: ReturnType<typeof vi.fn<() => void>>

beforeEach(() => {
  isAway = false
  deletes = []
  sent = []
  onClose = vi.fn()
  usage = {
    modelId: 7,
    isInstalled: true,
    sizeOnDiskBytes: 381e6,
    estimatedFreedBytes: 381e6,
    blockedBy: [],
    warnings: [],
    filesStay: false,
    formerBytes: 0,
    isDefault: false,
    loadedIn: [],
    activeOperation: null,
    canDelete: true,
    requiresConfirmation: false,
  }
})

const refuse = (code: string, status = 409, remedy = '') =>
  HttpResponse.json({ code, detail: `Refused: ${code}`, remedy }, { status })

/** Open the dialog on a model; `answers` are given to the DELETEs one after the other, at last 204. */
async function open(model: Model, ...answers: (() => Response)[]) {
  server.use(
    http.get('*/api/models', () => HttpResponse.json([model])),
    http.get('*/api/models/:id/usage', () =>
      isAway ? refuse('SERVICE_UNAVAILABLE', 503) : HttpResponse.json(usage),
    ),
    http.get('*/api/downloads/queue', () => HttpResponse.json({})),
    http.delete('*/api/models/:id', ({ request }) => {
      deletes.push(Object.fromEntries(new URL(request.url).searchParams))
      sent.push('delete')
      return answers.shift()?.() ?? new HttpResponse(null, { status: 204 })
    }),
    http.post('*/api/models/:id/cancel-download', () => {
      sent.push('cancel')
      return HttpResponse.json(aDownload({ status: 'running' }), { status: 202 })
    }),
  )
  const page = renderPage(<DeleteDialog id={model.id} open onClose={onClose} />)
  await page.queries.ensureQueryData(modelsQuery)
  return page
}

const press = async (name: string | RegExp) => userEvent.click(await screen.findByRole('button', { name }))
const agree = async () =>
  userEvent.click(await screen.findByRole('checkbox', { name: 'Delete it all the same' }))
const listed = (queries: { getQueryData: (key: readonly string[]) => unknown }) =>
  queries.getQueryData(modelsKey) as Model[]

describe('a model on the disk', () => {
  it('is asked about with what it frees; the harmless answer has the focus', async () => {
    await open(aModel(HERE))
    expect(await screen.findByText('Frees 381 MB on disk. You can download it again later.')).toBeVisible()
    expect(screen.getByRole('dialog', { name: 'Delete Qwen3 0.6B?' })).toBeVisible()
    expect(screen.getByRole('checkbox', { name: /Also delete the file from disk/ })).toBeChecked()
    expect(screen.getByText('Qwen3-0.6B-Q4_0.gguf')).toBeVisible()
    await waitFor(() => expect(screen.getByRole('button', { name: 'Keep model' })).toHaveFocus())
    await press('Keep model')
    expect(onClose).toHaveBeenCalled()
    expect(deletes).toEqual([])
  })

  it('goes with its file: its row says so until the worker is done', async () => {
    const operation = aDownload({ operation: 'delete', status: 'pending' })
    const { queries } = await open(aModel(HERE), () => HttpResponse.json(operation, { status: 202 }))
    await press('Delete and free 381 MB')
    await screen.findByText('Qwen3 0.6B is being deleted')
    expect(deletes).toEqual([{ deleteLocalFile: 'true', confirm: 'false' }])
    expect(onClose).toHaveBeenCalledTimes(1)
    expect(listed(queries)[0]?.activeOperation).toMatchObject({ operation: 'delete' })
  })

  it('may go without its file', async () => {
    const { queries } = await open(aModel(HERE))
    await userEvent.click(await screen.findByRole('checkbox'))
    expect(screen.getByText('Only the entry goes. The file stays on the disk.')).toBeVisible()
    await press('Delete model')
    await screen.findByText('Qwen3 0.6B deleted')
    expect(deletes).toEqual([{ deleteLocalFile: 'false', confirm: 'false' }])
    expect(listed(queries)).toEqual([])
    expect(onClose).toHaveBeenCalledTimes(1)
  })

  it('that shares its files with another frees nothing', async () => {
    usage.estimatedFreedBytes = 0
    await open(aModel(HERE))
    expect(await screen.findByText('Nothing is freed: other models use the same files.')).toBeVisible()
    expect(screen.getByRole('button', { name: 'Delete model' })).toBeVisible()
  })

  it('is deleted once, however often one presses', async () => {
    await open(aModel(HERE))
    server.use(
      http.delete('*/api/models/7', async () => {
        sent.push('delete')
        await delay(400)
        return new HttpResponse(null, { status: 204 })
      }),
    )
    await userEvent.dblClick(await screen.findByRole('button', { name: /Delete and free/ }))
    expect(screen.getByRole('button', { name: 'Deleting…' })).toHaveAttribute('aria-disabled', 'true')
    await press('Keep model') // too late: it was sent
    expect(onClose).not.toHaveBeenCalled()
    await screen.findByText('Qwen3 0.6B deleted')
    expect(sent).toEqual(['delete'])
  })
})

describe('what is not on the disk', () => {
  beforeEach(() => {
    Object.assign(usage, { isInstalled: false, sizeOnDiskBytes: 0, estimatedFreedBytes: 0 })
  })

  it('has no choice about files', async () => {
    await open(aModel())
    expect(await screen.findByText('Nothing of it is on the disk.')).toBeVisible()
    expect(screen.queryByRole('checkbox')).toBeNull()
    await press('Delete model')
    await screen.findByText('Qwen3 0.6B deleted')
    expect(deletes).toEqual([{ deleteLocalFile: 'false', confirm: 'false' }])
  })

  it('but was half downloaded, goes with its half', async () => {
    await open(aModel({ downloadStatus: 'Canceled' }))
    expect(await screen.findByText('What was downloaded so far goes too.')).toBeVisible()
    await press('Delete model')
    await waitFor(() => expect(deletes).toEqual([{ deleteLocalFile: 'true', confirm: 'false' }]))
  })

  it('because it is hosted, is forgotten here alone', async () => {
    await open(aHosted())
    expect(
      await screen.findByText('Its address and key are forgotten here. Nothing changes at OpenAI.'),
    ).toBeVisible()
    expect(screen.queryByRole('checkbox')).toBeNull()
    await press('Delete model')
    await waitFor(() => expect(deletes).toEqual([{ deleteLocalFile: 'false', confirm: 'false' }]))
  })
})

it('never offers to delete the files of a local path', async () => {
  Object.assign(usage, { estimatedFreedBytes: 0 })
  await open(aModel({ ...HERE, source: 'path', hfRepo: null, localPath: '/mnt/models/x' }))
  expect(await screen.findByText(/Its files stay where they are on the disk/)).toBeVisible()
  expect(screen.queryByRole('checkbox')).toBeNull()
  await press('Delete model')
  await waitFor(() => expect(deletes).toEqual([{ deleteLocalFile: 'false', confirm: 'false' }]))
})

describe('a model that is in use', () => {
  it('names who uses it and can only be closed', async () => {
    Object.assign(usage, {
      canDelete: false,
      blockedBy: [{ consumer: 'rag', name: 'handbook', detail: 'Collection' }],
    })
    await open(aModel(HERE))
    expect(await screen.findByRole('dialog', { name: 'Qwen3 0.6B is in use' })).toBeVisible()
    expect(screen.getByRole('listitem')).toHaveTextContent('handbook rag, Collection')
    expect(screen.queryByRole('button', { name: /Delete/ })).toBeNull()
    await press('Close')
    expect(onClose).toHaveBeenCalled()
  })
})

it('has its warnings read, and then says that they were', async () => {
  Object.assign(usage, { warnings: ['It is a default model.'], requiresConfirmation: true })
  await open(aModel(HERE))
  expect(await screen.findByText('It is a default model.')).toBeVisible()
  expect(screen.getByRole('button', { name: /Delete and free/ })).toHaveAttribute('aria-disabled', 'true')
  await press(/Delete and free/)
  expect(deletes).toEqual([])
  await agree()
  await press(/Delete and free/)
  await waitFor(() => expect(deletes).toEqual([{ deleteLocalFile: 'true', confirm: 'true' }]))
})

describe('a model that is being downloaded', () => {
  const model = aModel({ downloadStatus: 'Downloading' })

  beforeEach(() => {
    Object.assign(usage, { isInstalled: false, estimatedFreedBytes: 0, activeOperation: aDownload() })
  })

  it('has its download canceled first; it is deleted once that has stopped', async () => {
    await open(model)
    let looks = 0
    server.use(
      http.get('*/api/tasks/:id', () => {
        sent.push('look')
        return HttpResponse.json(aDownload({ status: (looks += 1) < 2 ? 'running' : 'canceled' }))
      }),
    )
    expect(await screen.findByText('It is being downloaded, 43% so far.')).toBeVisible()
    await press('Cancel and delete')
    expect(await screen.findByRole('button', { name: 'Canceling…' })).toHaveAttribute('aria-disabled', 'true')
    await screen.findByText('Qwen3 0.6B deleted', {}, { timeout: 3000 })
    expect(sent).toEqual(['cancel', 'look', 'look', 'delete'])
    expect(deletes).toEqual([{ deleteLocalFile: 'true', confirm: 'false' }])
  })

  it('is kept by whoever changes their mind while it is being canceled', async () => {
    await open(model)
    server.use(http.get('*/api/tasks/:id', () => HttpResponse.json(aDownload({ status: 'running' }))))
    await press('Cancel and delete')
    await screen.findByRole('button', { name: 'Canceling…' })
    await press('Keep model')
    expect(onClose).toHaveBeenCalled()
    server.use(http.get('*/api/tasks/:id', () => HttpResponse.json(aDownload({ status: 'canceled' }))))
    await new Promise((done) => setTimeout(done, 600))
    expect(sent).not.toContain('delete')
  })

  it('says so when the download does not stop, and deletes nothing', async () => {
    await open(model)
    server.use(http.get('*/api/tasks/:id', () => HttpResponse.json(aDownload({ status: 'running' }))))
    const start = Date.now()
    await screen.findByRole('button', { name: 'Cancel and delete' })
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => start)
    await press('Cancel and delete')
    await screen.findByRole('button', { name: 'Canceling…' })
    clock.mockImplementation(() => start + 21_000)
    expect(await screen.findByRole('alert', {}, { timeout: 3000 })).toHaveTextContent(
      'What works with its files has not stopped yet.',
    )
    expect(sent).not.toContain('delete')
    vi.restoreAllMocks()
  })
})

it.each([
  ['update', 'It is being updated, 43% so far.'],
  ['verify', 'It is being verified, 43% so far.'],
] as const)('an %s is offered to be canceled before the delete', async (operation, words) => {
  usage.activeOperation = aDownload({ operation, status: 'running' })
  await open(aModel({ ...HERE, activeOperation: usage.activeOperation }))
  server.use(http.get('*/api/tasks/:id', () => HttpResponse.json(aDownload({ status: 'canceled' }))))
  expect(await screen.findByText(words)).toBeVisible()
  await press('Cancel and delete')
  await waitFor(() => expect(sent).toEqual(['cancel', 'delete']))
})

it('tells what of the freed bytes is of the commit before an update', async () => {
  Object.assign(usage, { estimatedFreedBytes: 762e6, formerBytes: 381e6 })
  await open(aModel(HERE))
  expect(
    await screen.findByText(/^Frees 762 MB on disk, 381 MB of it of the commit before the last update\./),
  ).toBeVisible()
  expect(screen.getByRole('button', { name: 'Delete and free 762 MB' })).toBeVisible()
})

it('believes the API that the files stay', async () => {
  Object.assign(usage, { filesStay: true, estimatedFreedBytes: 0 })
  await open(aModel(HERE))
  expect(await screen.findByText(/Its files stay where they are on the disk/)).toBeVisible()
  expect(screen.queryByRole('checkbox')).toBeNull()
})

describe('a delete that the worker refuses', () => {
  const operation = aDownload({ operation: 'delete', status: 'pending' })
  const back = (queries: { setQueryData: (key: readonly string[], models: Model[]) => unknown }) =>
    act(() => void queries.setQueryData(modelsKey, [aModel(HERE)]))

  it('brings the row back, and a message tells why', async () => {
    const { queries } = await open(aModel(HERE), () => HttpResponse.json(operation, { status: 202 }))
    const error = { code: 'MODEL_IN_USE', detail: 'handbook of rag uses it.', remedy: 'Let it give it up.' }
    server.use(
      http.get('*/api/tasks/:id', () => HttpResponse.json({ ...operation, status: 'failed', error })),
      http.get('*/api/models/7', () => HttpResponse.json(aModel(HERE))),
    )
    await press('Delete and free 381 MB')
    await screen.findByText('Qwen3 0.6B is being deleted')
    back(queries)
    expect(await screen.findAllByText('Qwen3 0.6B was not deleted')).not.toHaveLength(0)
    expect(screen.getAllByText('handbook of rag uses it. Let it give it up.')).not.toHaveLength(0)
    expect(listed(queries)[0]?.activeOperation).toBeNull()
  })

  it('is not made up of a list that is older than the delete', async () => {
    const { queries } = await open(aModel(HERE), () => HttpResponse.json(operation, { status: 202 }))
    const looked = vi.fn()
    server.use(
      http.get('*/api/tasks/:id', () => {
        looked()
        return HttpResponse.json({ ...operation, status: 'running' })
      }),
    )
    await press('Delete and free 381 MB')
    await screen.findByText('Qwen3 0.6B is being deleted')
    back(queries)
    await waitFor(() => expect(looked).toHaveBeenCalled())
    expect(screen.queryByText('Qwen3 0.6B was not deleted')).toBeNull()
  })
})

it('that is being deleted already can only be closed', async () => {
  usage.activeOperation = aDownload({ operation: 'delete', status: 'running' })
  await open(aModel(HERE))
  expect(await screen.findByRole('dialog', { name: 'Qwen3 0.6B is being deleted' })).toBeVisible()
  expect(screen.getAllByRole('button', { name: /Close|Delete|Keep/ })).toHaveLength(1)
})

describe('a model that is gone already', () => {
  it('is quietly taken out of the list', async () => {
    const { queries } = await open(aModel(HERE), () => refuse('MODEL_NOT_FOUND', 404))
    await press(/Delete and free/)
    await screen.findByText('Qwen3 0.6B was deleted already')
    expect(listed(queries)).toEqual([])
    expect(onClose).toHaveBeenCalledTimes(1)
    expect(screen.queryByRole('alert')).toBeNull()
  })

  it('is so too when the dialog has just been opened', async () => {
    server.use(http.get('*/api/models/:id/usage', () => refuse('MODEL_NOT_FOUND', 404)))
    server.use(http.get('*/api/models', () => HttpResponse.json([aModel()])))
    server.use(http.get('*/api/downloads/queue', () => HttpResponse.json({})))
    renderPage(<DeleteDialog id={7} open onClose={onClose} />)
    await screen.findByText(/was deleted already/)
    expect(onClose).toHaveBeenCalledTimes(1)
  })
})

describe('what changes while somebody reads', () => {
  it('a new user of the model is shown, and nothing is deleted', async () => {
    await open(aModel(HERE), () => refuse('MODEL_IN_USE'))
    await screen.findByRole('button', { name: /Delete and free/ })
    Object.assign(usage, { canDelete: false, blockedBy: [{ consumer: 'rag', name: 'wiki', detail: null }] })
    await press(/Delete and free/)
    expect(await screen.findByRole('dialog', { name: 'Qwen3 0.6B is in use' })).toBeVisible()
    expect(screen.getByText('wiki')).toBeVisible()
    expect(onClose).not.toHaveBeenCalled()
  })

  it('a new warning is shown, and confirmed only by asking again', async () => {
    await open(aModel(HERE), () => refuse('CONFIRMATION_REQUIRED'))
    await screen.findByRole('button', { name: /Delete and free/ })
    Object.assign(usage, { warnings: ['It is a default model.'], requiresConfirmation: true })
    await press(/Delete and free/)
    expect(await screen.findByText('It is a default model.')).toBeVisible()
    expect(screen.getByRole('alert')).toHaveTextContent('Something has changed meanwhile.')
    await press(/Delete and free/) // not agreed to yet
    await agree()
    await press(/Delete and free/)
    await waitFor(() => expect(deletes.map(({ confirm }) => confirm)).toEqual(['false', 'true']))
  })

  it('a download that was started is offered to be canceled', async () => {
    Object.assign(usage, { isInstalled: false, estimatedFreedBytes: 0 })
    await open(aModel(), () => refuse('OPERATION_CONFLICT'))
    await screen.findByRole('button', { name: 'Delete model' })
    usage.activeOperation = aDownload()
    await press('Delete model')
    expect(await screen.findByRole('button', { name: 'Cancel and delete' })).toBeVisible()
  })
})

describe('what goes wrong', () => {
  it('is said in the dialog, with what to do, and may be tried again', async () => {
    await open(aModel(HERE), () => refuse('SERVICE_UNAVAILABLE', 503, 'Try again in a few seconds.'))
    await press(/Delete and free/)
    expect(await screen.findByRole('alert')).toHaveTextContent(
      'Refused: SERVICE_UNAVAILABLETry again in a few seconds.',
    )
    await press(/Delete and free/)
    await screen.findByText('Qwen3 0.6B deleted')
  })

  it('before the question is said too', async () => {
    isAway = true
    await open(aModel(HERE))
    expect(await screen.findByRole('alert')).toHaveTextContent('Refused: SERVICE_UNAVAILABLE')
    isAway = false
    await press('Try again')
    expect(await screen.findByText(/^Frees 381 MB/)).toBeVisible()
  })
})
