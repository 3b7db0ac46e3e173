import { act, fireEvent, render, screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { http, HttpResponse } from 'msw'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { App } from '../../src/app'
import type { Model } from '../../src/api/models'
import { progress } from '../../src/live/progress'
import { toast } from '../../src/ui/toasts'
import { aDownload, aHub, aModel } from '../make'
import { server } from '../server'

const ME = { name: 'admin', role: 'admin', via: 'session', csrfToken: 'c', expiresAt: null }
const NOTHING = { active: [], queued: [], paused: [], failed: [], completed: [] }
const UP = { status: 'ok' }
const HEALTH = {
  ...UP,
  version: '1.2.3',
  database: UP,
  redis: UP,
  workers: { ...UP, queues: [] },
  hub: aHub(),
}
const STORAGE = {
  totalBytes: null,
  usedBytes: null,
  availableBytes: null,
  reservedBytes: 0,
  availableAfterQueueBytes: null,
  modelCount: 0,
  cache: { totalBytes: 0, managedBytes: 0, unmanagedBytes: 0, unmanagedRepoCount: 0, partialBytes: 0 },
  scannedAt: null,
}

const METHODS = http.get('*/api/auth/methods', () =>
  HttpResponse.json({ password: false, token: true, provider: null }),
)

let models: Model[]
let events: ReadableStreamDefaultController<Uint8Array> | null

beforeEach(() => {
  models = [aModel()]
  events = null
  vi.stubGlobal('scrollTo', () => {})
  server.use(
    http.get('*/api/auth/me', () => HttpResponse.json(ME)),
    http.get('*/api/models', () => HttpResponse.json(models)),
    http.get('*/api/models/:id/usage', () => HttpResponse.json({}, { status: 404 })),
    http.get('*/api/operations', () => HttpResponse.json([])),
    http.get('*/api/downloads/queue', () => HttpResponse.json(NOTHING)),
    http.get('*/api/downloads', () => HttpResponse.json([])),
    http.get('*/api/health', () => HttpResponse.json(HEALTH)),
    http.get('*/api/tokens', () => HttpResponse.json([])),
    http.get('*/api/users', () => HttpResponse.json([])),
    http.get('*/api/storage', () => HttpResponse.json(STORAGE)),
    http.get('*/api/events', () => {
      const body = new ReadableStream<Uint8Array>({ start: (controller) => void (events = controller) })
      return new HttpResponse(body, { headers: { 'Content-Type': 'text/event-stream' } })
    }),
  )
})

async function open(address: string) {
  history.replaceState(null, '', address)
  render(<App />)
  await screen.findByRole('navigation', { hidden: true })
}

const address = () => location.pathname + location.search

describe('addresses', () => {
  it.each([
    ['/', '/models'],
    ['/nowhere', '/models'],
    ['/sign-in', '/models'],
    ['/downloads', '/models?panel=queue'],
  ])('%s leads to %s', async (from, to) => {
    await open(from)
    await waitFor(() => expect(address()).toBe(to))
  })

  it('give the page its title', async () => {
    await open('/settings')
    await waitFor(() => expect(document.title).toBe('Settings · Weighbridge'))
    await userEvent.click(screen.getByRole('link', { name: 'Models 1' }))
    await waitFor(() => expect(document.title).toBe('Models · Weighbridge'))
  })

  it('of somebody who is not signed in are kept for afterwards', async () => {
    server.use(
      http.get('*/api/auth/me', () => HttpResponse.json({}, { status: 401 })),
      METHODS,
    )
    history.replaceState(null, '', '/settings?panel=keys')
    render(<App />)
    expect(await screen.findByRole('heading', { name: 'Sign in' })).toBeVisible()
    expect(address()).toBe('/sign-in?next=%2Fsettings%3Fpanel%3Dkeys')
  })
})

it('says so when the API is away, and comes up when it is back', async () => {
  server.use(http.get('*/api/auth/me', () => HttpResponse.json({ detail: 'Away.' }, { status: 503 })))
  history.replaceState(null, '', '/settings')
  render(<App />)
  expect(await screen.findByText('Weighbridge does not answer')).toBeVisible()
  server.use(http.get('*/api/auth/me', () => HttpResponse.json(ME)))
  await userEvent.click(screen.getByRole('button', { name: 'Try again' }))
  expect(await screen.findByRole('navigation')).toBeVisible()
})

it('goes to the sign-in page when the session has ended', async () => {
  await open('/settings')
  server.use(
    http.get('*/api/auth/me', () => HttpResponse.json({}, { status: 401 })),
    http.get('*/api/health', () => HttpResponse.json({}, { status: 401 })),
    METHODS,
  )
  await userEvent.click(await screen.findByRole('button', { name: 'Look again' }))
  expect(await screen.findByRole('heading', { name: 'Sign in' })).toBeVisible()
})

describe('the navigation', () => {
  it('counts the models and says where one is', async () => {
    await open('/settings')
    expect(await screen.findByRole('link', { name: 'Models 1' })).not.toHaveAttribute('aria-current')
    expect(screen.getByRole('link', { name: 'Settings' })).toHaveAttribute('aria-current', 'page')
  })

  it('leads to the catalog, where / goes to its search', async () => {
    server.use(http.get('*/api/catalog', () => HttpResponse.json([])))
    await open('/settings')
    await userEvent.click(screen.getByRole('link', { name: 'Discover' }))
    await waitFor(() => expect(document.title).toBe('Discover · Weighbridge'))
    expect(address()).toBe('/discover')
    expect(screen.getByRole('link', { name: 'Discover' })).toHaveAttribute('aria-current', 'page')
    press('/')
    expect(screen.getByRole('searchbox', { name: 'Search the catalog' })).toHaveFocus()
  })

  it('shows at a glance what is downloading, and opens the queue over the page', async () => {
    await open('/settings')
    expect(screen.queryByText(/downloading/)).toBeNull()
    act(() => progress.update([aDownload(), aDownload({ modelId: 8, taskId: 'b', status: 'Pending' })]))
    expect(screen.getByRole('link', { name: 'Downloads 2' })).toBeVisible()
    await userEvent.click(screen.getByRole('button', { name: '1 downloading 86.4 MB/s' }))
    expect(address()).toBe('/settings?panel=queue')
    expect(await screen.findByRole('dialog', { name: 'Downloads' })).toBeVisible()
  })

  it('starts with a link past itself', async () => {
    await open('/settings')
    await userEvent.tab()
    expect(screen.getByRole('link', { name: 'Skip to content' })).toHaveFocus()
    expect(screen.getByRole('main')).toHaveAttribute('id', 'main')
  })
})

describe('the connection line', () => {
  it('is live with the first event, and tells when it is lost', async () => {
    await open('/settings')
    expect(screen.getByText('Connecting')).toBeVisible()
    await waitFor(() => expect(events).not.toBeNull())
    events?.enqueue(new TextEncoder().encode('event: snapshot\ndata: {"downloads":[],"complete":true}\n\n'))
    expect(await screen.findByText('Live')).toBeVisible()
    expect(screen.getByText(/updated just now/)).toBeVisible()
    events?.error(new Error('cut'))
    expect(await screen.findByText('Reconnecting')).toBeVisible()
  })
})

it('says for the whole page that the Hub is not to be reached', async () => {
  server.use(
    http.get('*/api/health', () => HttpResponse.json({ ...HEALTH, hub: { ...HEALTH.hub, offline: true } })),
  )
  await open('/settings')
  expect(await screen.findByText('Hugging Face is not reachable')).toBeVisible()
})

const press = (key: string, target: Element = document.body) => fireEvent.keyDown(target, { key })

describe('keys', () => {
  it.each([
    ['n', '/models/new'],
    ['q', '/settings?panel=queue'],
    ['?', '/settings?panel=keys'],
  ])('%s opens %s', async (key, to) => {
    await open('/settings')
    press(key)
    await waitFor(() => expect(address()).toBe(to))
  })

  it('/ goes to the search', async () => {
    await open('/models')
    const search = await screen.findByRole('searchbox')
    press('/')
    expect(search).toHaveFocus()
  })

  it('do nothing where somebody types, or with a key that means something else', async () => {
    await open('/models')
    press('q', await screen.findByRole('searchbox'))
    fireEvent.keyDown(document.body, { key: 'n', ctrlKey: true })
    expect(address()).toBe('/models')
  })

  it('do nothing but Esc while something is open', async () => {
    await open('/settings?panel=keys')
    const list = await screen.findByRole('dialog', { name: 'Keys' })
    expect(within(list).getByText('New model')).toBeVisible()
    await waitFor(() => expect(within(list).getByRole('button', { name: 'Close' })).toHaveFocus())
    press('n')
    expect(address()).toBe('/settings?panel=keys')
    await userEvent.keyboard('{Escape}')
    expect(address()).toBe('/settings')
  })

  it('go on while a toast is shown', async () => {
    await open('/settings')
    act(() => toast('Qwen3 deleted'))
    await screen.findByText('Qwen3 deleted')
    press('q')
    expect(address()).toBe('/settings?panel=queue')
  })
})

describe('overlays', () => {
  it('follow one another, and Back leads to the one before', async () => {
    await open('/settings?info=7')
    expect(await screen.findByRole('dialog', { name: 'Qwen3 0.6B' })).toBeVisible()
    await userEvent.click(screen.getByRole('button', { name: 'Delete Qwen3 0.6B…' }))
    expect(address()).toBe('/settings?delete=7')
    act(() => history.back())
    await waitFor(() => expect(address()).toBe('/settings?info=7'))
  })
})
