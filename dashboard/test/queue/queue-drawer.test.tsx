import { act, screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { delay, http, HttpResponse } from 'msw'
import { describe, expect, it, vi } from 'vitest'
import { type Queue, type QueueItem, queueKey } from '../../src/api/downloads'
import { progress } from '../../src/live/progress'
import QueueDrawer from '../../src/queue/queue-drawer'
import { aDownload, aModel, renderPage } from '../make'
import { server } from '../server'

const NOTHING: Queue = { active: [], queued: [], paused: [], failed: [], completed: [] }
const GATED = {
  code: 'GATED_MODEL_NO_TOKEN',
  detail: 'The repository is gated and no token was sent.',
  remedy: "Accept the license on the model's page.",
}

function anItem(differs: Partial<QueueItem> = {}): QueueItem {
  return {
    ...aDownload({ status: 'running' }),
    modelName: 'Qwen3 14B',
    repo: 'unsloth/Qwen3-14B-GGUF',
    filename: 'Qwen3-14B-Q4_K_M.gguf',
    revision: 'main',
    position: null,
    ...differs,
  }
}

/** The queue as the server has it; what is sent to it is noted. */
function show(queue: Partial<Queue>, role: 'admin' | 'viewer' = 'admin') {
  const answer = { ...NOTHING, ...queue }
  const sent: string[] = []
  server.use(
    http.get('*/api/downloads/queue', () => HttpResponse.json(answer)),
    http.get('*/api/models/:id', ({ params }) =>
      HttpResponse.json(aModel({ id: Number(params.id), downloadStatus: 'Canceled' })),
    ),
    http.all('*/api/*', ({ request }) => {
      sent.push(`${request.method} ${new URL(request.url).pathname}`)
      return request.method === 'DELETE'
        ? new HttpResponse(null, { status: 204 })
        : HttpResponse.json(aDownload({ status: 'Canceled' }), { status: 202 })
    }),
    http.all('*/api/*/*/*', ({ request }) => {
      sent.push(`${request.method} ${new URL(request.url).pathname}`)
      return HttpResponse.json(aDownload({ status: 'Canceled' }), { status: 202 })
    }),
  )
  return { ...renderPage(<QueueDrawer open onClose={() => {}} />, role), answer, sent }
}

const limit = () => screen.findByRole('combobox', { name: 'Limit speed of Qwen3 14B' })
const section = (name: RegExp) => screen.findByRole('region', { name })
const news = (differs: Parameters<typeof aDownload>[0]) =>
  act(() => progress.update([aDownload({ updatedAt: '2026-11-21T08:00:11+00:00', ...differs })]))

describe('the sections', () => {
  it('each have their count and their downloads, in the order of the server', async () => {
    show({
      active: [anItem()],
      queued: [
        anItem({ taskId: 'b', modelId: 8, modelName: 'Mistral', status: 'pending', position: 1 }),
        anItem({ taskId: 'c', modelId: 9, modelName: 'Phi-4', status: 'pending', position: 2 }),
      ],
      failed: [anItem({ taskId: 'd', modelId: 10, modelName: 'Gemma', status: 'failed', error: GATED })],
      completed: [anItem({ taskId: 'e', modelId: 11, modelName: 'SmolLM3', status: 'completed' })],
    })
    expect(within(await section(/Running 1/)).getByText('Qwen3 14B')).toBeVisible()
    const waiting = within(await section(/Waiting 2/)).getAllByRole('listitem')
    expect(waiting.map((item) => item.textContent)).toEqual([
      expect.stringMatching(/Mistral.*Next, starts when a slot is free/),
      expect.stringMatching(/Phi-4.*2nd in the queue/),
    ])
    expect(within(await section(/Needs attention 1/)).getByText('Gemma')).toBeVisible()
    expect(within(await section(/Finished today 1/)).getByText('SmolLM3')).toBeVisible()
  })

  it('say what a download waits for beside its turn', async () => {
    const waitingFor = 'No worker serves the volume one; it begins when one does.'
    show({ queued: [anItem({ status: 'pending', position: 1, volume: 'one', waitingFor })] })
    const [item] = within(await section(/Waiting 1/)).getAllByRole('listitem')
    expect(item).toHaveTextContent(waitingFor)
    expect(item).not.toHaveTextContent('Next')
  })

  it('that have nothing in them are not shown', async () => {
    show({ active: [anItem()] })
    await section(/Running/)
    expect(screen.queryByText(/Waiting|Needs attention|Finished/)).toBeNull()
  })

  it('leave out what ended with a model that has gone since', async () => {
    const gone = { modelName: null, repo: null, filename: null, revision: null }
    show({
      failed: [anItem({ ...gone, status: 'failed', error: GATED })],
      completed: [anItem({ ...gone, taskId: 'b', status: 'completed' })],
    })
    expect(await screen.findByText('Nothing is downloading')).toBeVisible()
  })

  it('make place for one invitation when there is nothing at all', async () => {
    show({})
    expect(await screen.findByText('Nothing is downloading')).toBeVisible()
    expect(screen.getByRole('link', { name: 'New model' })).toHaveAttribute('href', '/models/new')
  })

  it('say why they can not be shown, and try again', async () => {
    server.use(
      http.get('*/api/downloads/queue', () =>
        HttpResponse.json({ detail: 'The database does not answer.', remedy: 'Try again.' }, { status: 503 }),
      ),
    )
    renderPage(<QueueDrawer open onClose={() => {}} />)
    expect(await screen.findByRole('alert')).toHaveTextContent('The database does not answer.')
    server.use(http.get('*/api/downloads/queue', () => HttpResponse.json(NOTHING)))
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }))
    expect(await screen.findByText('Nothing is downloading')).toBeVisible()
  })
})

describe('a running download', () => {
  it('shows how far, how fast and how long', async () => {
    show({ active: [anItem()] })
    const item = within(await section(/Running/)).getByRole('listitem')
    for (const text of ['43%', '59 s left', '3.91 GB of 9.0 GB', 'resumable'])
      expect(item).toHaveTextContent(text)
    expect(item).toHaveTextContent('86.4 MB/s')
    expect(screen.getByRole('progressbar', { name: 'Qwen3 14B' })).toHaveAttribute('aria-valuenow', '43')
  })

  it('moves with the news, without asking again', async () => {
    show({ active: [anItem()] })
    const item = within(await section(/Running/)).getByRole('listitem')
    news({ percent: 51.2, bytesDownloaded: 4_610_000_000, etaSeconds: 40 })
    expect(item).toHaveTextContent('51%')
    expect(item).toHaveTextContent('4.61 GB of 9.0 GB')
    expect(item).toHaveTextContent('40 s left')
  })

  it('keeps its last numbers when it has ended and the list is not read yet', async () => {
    show({ active: [anItem()] })
    const item = within(await section(/Running/)).getByRole('listitem')
    news({ percent: 99.2 })
    news({ status: 'Downloaded', percent: 100 })
    expect(item).toHaveTextContent('99%')
  })

  it('that stalls says so and shows no speed', async () => {
    show({ active: [anItem({ stalledSeconds: 14, etaSeconds: null })] })
    const item = within(await section(/Running/)).getByRole('listitem')
    expect(item).toHaveTextContent('Stalled, retrying')
    expect(item).not.toHaveTextContent('86.4 MB/s')
  })

  it.each([
    ['verifying', 'Verifying the checksum'],
    ['publishing', 'Putting it in place'],
  ] as const)('that is %s has a word for it and a bar without a length', async (phase, words) => {
    show({ active: [anItem({ phase, percent: 100 })] })
    expect(await section(/Running/)).toHaveTextContent(words)
    expect(screen.getByRole('progressbar')).not.toHaveAttribute('aria-valuenow')
  })

  it('of unknown size never says 0 %', async () => {
    show({ active: [anItem({ phase: 'resolving', bytesTotal: null, bytesDownloaded: 0, percent: 0 })] })
    const item = within(await section(/Running/)).getByRole('listitem')
    expect(item).toHaveTextContent('Looking up the files')
    expect(item).not.toHaveTextContent('%')
    expect(screen.getByRole('progressbar')).not.toHaveAttribute('aria-valuenow')
  })

  it('of many files counts them', async () => {
    show({ active: [anItem({ filesDone: 3, filesTotal: 8 })] })
    expect(await section(/Running/)).toHaveTextContent('3 of 8 files')
  })

  it('opens what is known of its model', async () => {
    show({ active: [anItem()] })
    await userEvent.click(await screen.findByRole('button', { name: /^Qwen3 14B/ }))
    expect(location.search).toBe('?info=7')
  })

  it('is canceled once, and says so until it is gone', async () => {
    const { sent } = show({ active: [anItem()] })
    server.use(
      http.post('*/api/models/7/cancel-download', async ({ request }) => {
        sent.push(`POST ${new URL(request.url).pathname}`)
        await delay(50)
        return HttpResponse.json(aDownload({ status: 'Downloading' }), { status: 202 })
      }),
    )
    const button = await screen.findByRole('button', { name: 'Cancel Qwen3 14B' })
    await userEvent.dblClick(button)
    expect(await section(/Running/)).toHaveTextContent('Canceling…')
    expect(screen.getByRole('dialog', { name: 'Downloads' })).toHaveFocus()
    await screen.findByText(/canceled, its bytes are kept/)
    expect(sent.filter((one) => one.startsWith('POST'))).toEqual(['POST /api/models/7/cancel-download'])
  })

  it('that can not be canceled may be canceled again', async () => {
    show({ active: [anItem()] })
    server.use(
      http.post('*/api/models/7/cancel-download', () =>
        HttpResponse.json({ detail: 'A delete is active for this model.', remedy: 'Wait.' }, { status: 409 }),
      ),
    )
    await userEvent.click(await screen.findByRole('button', { name: 'Cancel Qwen3 14B' }))
    expect(await screen.findAllByText('A delete is active for this model. Wait.')).not.toHaveLength(0)
    expect(screen.getByRole('button', { name: 'Cancel Qwen3 14B' })).toBeEnabled()
  })
})

describe('the speed of a running download', () => {
  it('is limited and let go', async () => {
    const { answer } = show({ active: [anItem()] })
    const sent: unknown[] = []
    server.use(
      http.patch('*/api/downloads/:id', async ({ request, params }) => {
        const change = (await request.json()) as { maxBytesPerSecond: number | null }
        sent.push([params['id'], change])
        answer.active = [anItem(change)]
        return HttpResponse.json(aDownload({ status: 'running', ...change }))
      }),
    )
    expect(await limit()).toHaveDisplayValue('No limit')
    await userEvent.selectOptions(await limit(), '20 MB/s')
    await waitFor(async () => expect(await limit()).toBeEnabled())
    expect(await limit()).toHaveDisplayValue('20 MB/s')
    await userEvent.selectOptions(await limit(), 'No limit')
    await waitFor(async () => expect(await limit()).toBeEnabled())
    expect(await limit()).toHaveDisplayValue('No limit')
    const taskId = anItem().taskId
    expect(sent).toEqual([
      [taskId, { maxBytesPerSecond: 20_000_000 }],
      [taskId, { maxBytesPerSecond: null }],
    ])
  })

  it('follows a limit that somebody else has set, whatever it is', async () => {
    show({ active: [anItem()] })
    await limit()
    news({ maxBytesPerSecond: 750_000 })
    expect(await limit()).toHaveDisplayValue('750 kB/s')
  })

  it('stays as it is when the change is refused, and says why', async () => {
    show({ active: [anItem({ maxBytesPerSecond: 5_000_000 })] })
    server.use(
      http.patch('*/api/downloads/:id', () =>
        HttpResponse.json({ detail: 'This operation has ended.', remedy: '' }, { status: 409 }),
      ),
    )
    await userEvent.selectOptions(await limit(), 'No limit')
    expect(await screen.findAllByText('This operation has ended.')).not.toHaveLength(0)
    expect(await limit()).toHaveDisplayValue('5.0 MB/s')
  })

  it('is only told to who may not change it', async () => {
    show({ active: [anItem({ maxBytesPerSecond: 5_000_000 })] }, 'viewer')
    expect(await section(/Running/)).toHaveTextContent('Limited to 5.0 MB/s')
    expect(screen.queryByRole('combobox')).toBeNull()
  })
})

describe('a waiting download', () => {
  it('that tries again by itself says why', async () => {
    const error = { code: 'HUB_UNAVAILABLE', detail: 'The Hub does not answer.', remedy: '' }
    show({ queued: [anItem({ status: 'pending', position: 1, error })] })
    const waiting = await section(/Waiting/)
    expect(waiting).toHaveTextContent('Tries again by itself')
    expect(waiting).toHaveTextContent('The Hub does not answer.')
  })
})

describe('a failed download', () => {
  const failed = anItem({ status: 'failed', error: GATED, percent: 14.8, bytesDownloaded: 1_200_000_000 })

  it('has its cause, what to do, and what was kept', async () => {
    show({ failed: [failed] })
    const attention = await section(/Needs attention/)
    expect(attention).toHaveTextContent(GATED.detail)
    expect(attention).toHaveTextContent(GATED.remedy)
    expect(attention).toHaveTextContent('1.20 GB of 9.0 GB kept')
    expect(within(attention).getByRole('link', { name: 'Open on Hugging Face' })).toHaveAttribute(
      'href',
      'https://huggingface.co/unsloth/Qwen3-14B-GGUF',
    )
  })

  it('is tried again', async () => {
    const { sent } = show({ failed: [failed] })
    await userEvent.click(await screen.findByRole('button', { name: 'Retry Qwen3 14B' }))
    await waitFor(() => expect(sent).toContain('POST /api/models/7/download'))
  })

  it('is removed at once', async () => {
    const { sent, answer } = show({ failed: [failed] })
    await screen.findByRole('button', { name: /^Remove Qwen3 14B/ })
    answer.failed = []
    await userEvent.click(screen.getByRole('button', { name: /^Remove Qwen3 14B/ }))
    expect(await screen.findByText('Nothing is downloading')).toBeVisible()
    expect(sent).toContain(`DELETE /api/downloads/${failed.taskId}`)
    expect(screen.getByRole('dialog', { name: 'Downloads' })).toHaveFocus()
  })
})

describe('finished downloads', () => {
  const finished = ['a', 'b', 'c'].map((taskId, index) =>
    anItem({ taskId, modelId: index + 1, modelName: `Model ${taskId}`, status: 'completed' }),
  )

  it('show their size and when it was', async () => {
    vi.setSystemTime('2026-11-21T08:02:10Z')
    show({ completed: finished.slice(0, 1) })
    const done = await section(/Finished today/)
    expect(done).toHaveTextContent('3.9 GB')
    expect(done).toHaveTextContent('2 min ago')
    vi.useRealTimers()
  })

  it('are cleared together; what is gone already does not matter', async () => {
    const { sent, answer } = show({ completed: finished })
    await section(/Finished today 3/)
    server.use(http.delete('*/api/downloads/b', () => HttpResponse.json({}, { status: 404 })))
    answer.completed = []
    await userEvent.click(screen.getByRole('button', { name: 'Clear finished' }))
    expect(await screen.findByText('Nothing is downloading')).toBeVisible()
    await waitFor(() => expect(sent.filter((one) => one.startsWith('DELETE'))).toHaveLength(2))
    expect(screen.queryByText(/could be removed/)).toBeNull()
  })

  it('that could not be cleared come back, and say so', async () => {
    show({ completed: finished })
    await section(/Finished today 3/)
    server.use(
      http.delete('*/api/downloads/:id', () => HttpResponse.json({ detail: 'Away.' }, { status: 503 })),
    )
    await userEvent.click(screen.getByRole('button', { name: 'Clear finished' }))
    expect(await screen.findAllByText('Not everything could be removed')).not.toHaveLength(0)
    expect(await section(/Finished today 3/)).toBeVisible()
  })
})

it('says in its head how many run and how fast', async () => {
  show({ active: [anItem()] })
  expect(screen.getByText('None running')).toBeVisible()
  news({ speedBytesPerSecond: 128_200_000 })
  expect(screen.getByText('1 running, 128.2 MB/s')).toBeVisible()
  news({ status: 'Pending', attempt: 2 })
  expect(screen.getByText('1 waiting')).toBeVisible()
})

it('keeps its order while progress moves', async () => {
  const { queries } = show({
    active: [anItem(), anItem({ taskId: 'b', modelId: 8, modelName: 'Llama' })],
  })
  await section(/Running/)
  news({ percent: 90 })
  await act(() => queries.invalidateQueries({ queryKey: queueKey }))
  const bars = screen.getAllByRole('progressbar')
  expect(bars.map((bar) => bar.getAttribute('aria-label'))).toEqual(['Qwen3 14B', 'Llama'])
})
