/** What a page offers to each role: nothing that the API would refuse. */
import { fireEvent, render, screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { http, HttpResponse } from 'msw'
import { beforeEach, describe, expect, it, test, vi } from 'vitest'
import type { Role } from '../../src/api/auth'
import type { Queue, QueueItem } from '../../src/api/downloads'
import type { Model } from '../../src/api/models'
import { App } from '../../src/app'
import { ModelsPage } from '../../src/models/models-page'
import { aPreview, aVariant } from '../hub'
import { aDownload, aHosted, aHub, aMe, aModel, renderPage } from '../make'
import { aStorage } from '../models/make'
import { server } from '../server'

const EVERYTHING = [
  aModel({ id: 1, name: 'Qwen' }),
  aModel({ id: 2, name: 'Phi', downloadStatus: 'Downloading' }),
  aModel({
    id: 3,
    name: 'Gemma',
    downloadStatus: 'Failed',
    error: { code: 'X', detail: 'Cut.', remedy: '' },
  }),
  aModel({ id: 4, name: 'Mistral', downloadStatus: 'Canceled' }),
  aHosted({ id: 5, name: 'GPT-5 mini' }),
]
const UP = { status: 'ok' }
const HEALTH = {
  ...UP,
  version: '1.2.3',
  database: UP,
  redis: UP,
  workers: { ...UP, queues: [] },
  hub: aHub(),
}
const NOTHING: Queue = { active: [], queued: [], paused: [], failed: [], completed: [] }
const item = (modelId: number, modelName: string, status: QueueItem['status']): QueueItem => ({
  ...aDownload({ modelId, taskId: `task ${modelId}`, status }),
  modelName,
  repo: 'unsloth/Qwen3-0.6B-GGUF',
  filename: 'q.gguf',
  revision: 'main',
  position: 1,
})
const FULL: Queue = {
  active: [item(2, 'Phi', 'running')],
  queued: [item(1, 'Qwen', 'pending')],
  paused: [],
  failed: [item(3, 'Gemma', 'failed')],
  completed: [item(4, 'Mistral', 'completed')],
}

let role: Role
let models: Model[]
let queue: Queue

beforeEach(() => {
  role = 'admin'
  models = EVERYTHING
  queue = FULL
  server.use(
    http.get('*/api/auth/me', () => HttpResponse.json(aMe({ role }))),
    http.get('*/api/models', () => HttpResponse.json(models)),
    http.get('*/api/models/:id/usage', () => HttpResponse.json({}, { status: 404 })),
    http.get('*/api/operations', () => HttpResponse.json([])),
    http.get('*/api/downloads/queue', () => HttpResponse.json(queue)),
    http.get('*/api/downloads', () => HttpResponse.json([])),
    http.get('*/api/health', () => HttpResponse.json(HEALTH)),
    http.get('*/api/tokens', () => HttpResponse.json([])),
    http.get('*/api/users', () => HttpResponse.json([])),
    http.get('*/api/storage', () => HttpResponse.json(aStorage())),
    http.get('*/api/events', () => HttpResponse.json({}, { status: 503 })),
    http.get('*/api/hub/repo', () => HttpResponse.json(aPreview({ variants: [aVariant('Q8_0', 1)] }))),
  )
})

async function open(address: string) {
  history.replaceState(null, '', address)
  render(<App />)
  await screen.findByRole('navigation', { hidden: true })
}

const press = async (name: string) => userEvent.click(await screen.findByRole('button', { name }))

/** Where things are offered: how to get there, what tells that all is drawn, and the least role for each thing. */
type Place = {
  address: string
  go?: () => Promise<void>
  ready: () => Promise<HTMLElement>
  isEmpty?: boolean
  offers: Record<string, Role>
}

const PLACES: Record<string, Place> = {
  'the models': {
    address: '/models',
    ready: () => screen.findByRole('button', { name: 'More about GPT-5 mini' }),
    offers: {
      'New model': 'admin',
      'Download Qwen': 'operator',
      'Cancel download of Phi': 'operator',
      'Retry Gemma': 'operator',
      'Resume Mistral': 'operator',
      'Test connection of GPT-5 mini': 'admin',
      'More about GPT-5 mini': 'viewer',
    },
  },
  'the menu of a hosted model': {
    address: '/models',
    go: () => press('More about GPT-5 mini'),
    ready: () => screen.findByRole('menuitem', { name: 'Details' }),
    offers: { Details: 'viewer', Edit: 'admin', 'Test connection': 'admin', 'Delete…': 'admin' },
  },
  'the menu of a local model': {
    address: '/models',
    go: () => press('More about Qwen'),
    ready: () => screen.findByRole('menuitem', { name: 'Copy repository id' }),
    offers: { Details: 'viewer', 'Copy repository id': 'viewer', Edit: 'admin', 'Delete…': 'admin' },
  },
  'a repository with its other variants': {
    address: '/models?view=repositories',
    go: () => press('Show other variants'),
    ready: () => screen.findByText('Q8_0'),
    offers: { 'Get Q8_0 of unsloth/Qwen3-14B-GGUF, 1.0 GB': 'operator', 'Retry Gemma': 'operator' },
  },
  'the details of a failed download': {
    address: '/models?info=3',
    ready: () => screen.findByRole('link', { name: 'Hugging Face' }),
    offers: { Edit: 'admin', 'Delete Gemma…': 'admin', Retry: 'operator' },
  },
  'the details of a model that is not downloaded': {
    address: '/models?info=1',
    ready: () => screen.findByRole('link', { name: 'Hugging Face' }),
    offers: { Edit: 'admin', 'Delete Qwen…': 'admin', Download: 'operator' },
  },
  'the details of a hosted model': {
    address: '/models?info=5',
    ready: () => screen.findByRole('region', { name: 'Connection' }),
    offers: { Edit: 'admin', 'Delete GPT-5 mini…': 'admin', 'Test connection': 'admin' },
  },
  'the queue': {
    address: '/settings?panel=queue',
    ready: () => screen.findByRole('region', { name: /Finished today/ }),
    offers: {
      'Cancel Phi': 'operator',
      'Cancel Qwen': 'operator',
      'Retry Gemma': 'operator',
      'Remove Gemma from this list': 'operator',
      'Remove Mistral from this list': 'operator',
      'Clear finished': 'operator',
    },
  },
  'an empty register': {
    address: '/models',
    isEmpty: true,
    ready: () => screen.findByRole('heading', { name: 'No models yet' }),
    offers: { 'New model': 'admin', 'Add your first model': 'admin', 'Add a hosted model': 'admin' },
  },
  'an empty queue': {
    address: '/settings?panel=queue',
    isEmpty: true,
    ready: () => screen.findByRole('heading', { name: 'Nothing is downloading' }),
    offers: { 'New model': 'admin' },
  },
}

const ROLES: readonly Role[] = ['viewer', 'operator', 'admin']

const isOffered = (name: string) =>
  ['button', 'link', 'menuitem'].some((kind) => screen.queryByRole(kind, { name }) !== null)

describe.each(Object.entries(PLACES))('%s', (_, { address, go, ready, isEmpty, offers }) => {
  it.each(ROLES)('offers the role %s what it may do, and nothing else', async (who) => {
    role = who
    if (isEmpty) [models, queue] = [[], NOTHING]
    await open(address)
    await go?.()
    await ready()
    const due = Object.keys(offers).filter(
      (name) => ROLES.indexOf(offers[name] as Role) <= ROLES.indexOf(who),
    )
    expect(Object.keys(offers).filter(isOffered)).toEqual(due)
  })
})

test.each(['viewer', 'operator'] as const)(
  'the role %s reads in an empty register whom to ask',
  async (who) => {
    role = who
    models = []
    await open('/models')
    expect(await screen.findByText('Ask an administrator to add models.')).toBeVisible()
  },
)

describe('the key for a new model', () => {
  it.each(['viewer', 'operator'] as const)('does nothing for the role %s, and is in no list', async (who) => {
    role = who
    await open('/settings')
    fireEvent.keyDown(document.body, { key: 'n' })
    expect(location.pathname).toBe('/settings')
    fireEvent.keyDown(document.body, { key: '?' })
    const keys = await screen.findByRole('dialog', { name: 'Keys' })
    expect(within(keys).getByText('Download queue')).toBeVisible()
    expect(within(keys).queryByText('New model')).toBeNull()
  })
})

describe('a link that somebody else has sent', () => {
  it.each([
    ['/models/new', 'Only administrators add models'],
    ['/models/3/edit', 'Only administrators change models'],
  ])('%s says that %s, and leads back', async (address, refusal) => {
    role = 'operator'
    await open(address)
    expect(await screen.findByRole('heading', { name: refusal })).toBeVisible()
    expect(screen.queryByRole('textbox')).toBeNull()
    await userEvent.click(screen.getByRole('link', { name: 'Show all models' }))
    expect(location.pathname).toBe('/models')
  })

  it('deletes nothing', async () => {
    role = 'operator'
    await open('/models?delete=3')
    const dialog = await screen.findByRole('dialog', { name: 'Only administrators delete models' })
    const buttons = within(dialog).getAllByRole('button')
    expect(buttons.map((button) => button.textContent)).toEqual(['Close'])
    await userEvent.click(within(dialog).getByRole('button', { name: 'Close' }))
    expect(location.search).toBe('')
  })
})

describe('a role that was changed meanwhile', () => {
  beforeEach(() =>
    server.use(
      http.post('*/api/models/1/download', () =>
        HttpResponse.json(
          { code: 'FORBIDDEN', detail: 'This wants the role operator; yours is viewer.', remedy: '' },
          { status: 403 },
        ),
      ),
    ),
  )

  it('is learned with the first refusal', async () => {
    await open('/models')
    const button = await screen.findByRole('button', { name: 'Download Qwen' })
    role = 'viewer'
    await userEvent.click(button)
    expect(await screen.findAllByText(/yours is viewer/)).not.toHaveLength(0)
    await waitFor(() => expect(screen.queryByRole('link', { name: 'New model' })).toBeNull())
    expect(screen.queryByRole('button', { name: 'Download Qwen' })).toBeNull()
    expect(screen.getByRole('button', { name: 'More about Qwen' })).toBeVisible()
  })

  it('that can not be asked for leaves the page as it is', async () => {
    await open('/models')
    const button = await screen.findByRole('button', { name: 'Download Qwen' })
    const asked = vi.fn()
    server.use(
      http.get('*/api/auth/me', () => {
        asked()
        return HttpResponse.json({ detail: 'Away.' }, { status: 503 })
      }),
    )
    await userEvent.click(button)
    await waitFor(() => expect(asked).toHaveBeenCalled())
    expect(screen.getByRole('link', { name: 'New model' })).toBeVisible()
  })
})

test('nothing is offered as long as it is not known who is signed in', async () => {
  renderPage(<ModelsPage />, null)
  expect(await screen.findByRole('button', { name: 'More about Qwen' })).toBeVisible()
  expect(Object.keys(PLACES['the models']?.offers ?? {}).filter(isOffered)).toEqual(['More about GPT-5 mini'])
})
