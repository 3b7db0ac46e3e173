import { screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { delay, http, HttpResponse } from 'msw'
import { beforeEach, describe, expect, it } from 'vitest'
import CreatePage from '../../src/create/create-page'
import { aHosted, renderPage } from '../make'
import { server } from '../server'
import { anApi } from './api'

const field = (label: string | RegExp) => screen.getByLabelText(label)
const apiKey = () => screen.getByLabelText('API key')
const test = () => screen.getByRole('button', { name: 'Test connection' })

beforeEach(() => history.replaceState(null, '', '/models/new?type=hosted'))

const answers = (result: object) =>
  server.use(http.post('*/api/models/test-connection', () => HttpResponse.json(result)))

const isHeldBack = () => !dispatchEvent(new Event('beforeunload', { cancelable: true }))

async function open() {
  const user = userEvent.setup()
  return { user, ...renderPage(<CreatePage />) }
}

describe('the form of a hosted model', () => {
  it('begins with OpenAI and its address; Azure has fields of its own', async () => {
    anApi()
    const { user } = await open()
    expect(field('Base URL')).toHaveValue('https://api.openai.com/v1')
    await user.click(screen.getByRole('radio', { name: 'Azure OpenAI' }))
    expect(field('Base URL')).toHaveValue('')
    expect(field('API version')).toHaveValue('2024-10-21')
    await user.type(field('Base URL'), 'https://acme.openai.azure.com')
    await user.click(screen.getByRole('radio', { name: 'OpenAI' }))
    expect(field('Base URL')).toHaveValue('https://api.openai.com/v1')
    expect(screen.queryByRole('textbox', { name: 'Deployment' })).not.toBeInTheDocument()
    await user.click(screen.getByRole('radio', { name: 'Azure OpenAI' }))
    expect(field('Base URL')).toHaveValue('https://acme.openai.azure.com')
  })

  it('keeps both drafts when the type is switched', async () => {
    anApi()
    const { user } = await open()
    await user.type(field('Name'), 'GPT-5 mini')
    await user.click(screen.getByRole('radio', { name: /^Local/ }))
    expect(location.search).toBe('?type=local')
    await user.type(field('Repository'), 'gpt')
    await user.click(screen.getByRole('radio', { name: /^Hosted/ }))
    expect(field('Name')).toHaveValue('GPT-5 mini')
    await user.click(screen.getByRole('radio', { name: /^Local/ }))
    expect(field('Repository')).toHaveValue('gpt')
  })

  it('says what is wrong once a field was left', async () => {
    anApi()
    const { user } = await open()
    await user.clear(field('Base URL'))
    await user.type(field('Base URL'), 'api.openai.com')
    expect(field('Base URL')).not.toHaveAccessibleDescription(/begins with/)
    await user.tab()
    await waitFor(() => expect(field('Base URL')).toHaveAccessibleDescription(/begins with https/))
    expect(screen.getByRole('button', { name: 'Create' })).toBeDisabled()
  })

  it('shows the key only while it is asked to', async () => {
    anApi()
    const { user } = await open()
    expect(apiKey()).toHaveAttribute('type', 'password')
    await user.click(screen.getByRole('button', { name: 'Show key' }))
    expect(apiKey()).toHaveAttribute('type', 'text')
    await user.click(screen.getByRole('button', { name: 'Hide key' }))
    expect(apiKey()).toHaveAttribute('type', 'password')
  })
})

describe('the test of a connection', () => {
  it('works before saving, and says how long it took', async () => {
    const { asked } = anApi()
    answers({ ok: true, latencyMs: 212, models: ['a', 'b'], error: null })
    const { user } = await open()
    await user.type(apiKey(), 'sk-1')
    await user.click(test())
    expect(await screen.findByText('Connected in 212 ms')).toBeVisible()
    expect(screen.getByText('The key may use 2 models.')).toBeVisible()
    expect(asked('POST /api/models/test-connection')[0]?.body).toEqual({
      provider: 'openai',
      baseUrl: 'https://api.openai.com/v1',
      apiKey: 'sk-1',
    })
  })

  it('says cause and fix, and forgets them as soon as something changes', async () => {
    anApi()
    answers({
      ok: false,
      latencyMs: 80,
      models: [],
      error: {
        code: 'INVALID_API_KEY',
        detail: 'The provider rejected the API key.',
        remedy: 'Check the key.',
      },
    })
    const { user } = await open()
    await user.type(apiKey(), 'sk-wrong')
    await user.click(test())
    expect(await screen.findByText('The provider rejected the API key.')).toBeVisible()
    expect(screen.getByText('Check the key.')).toBeVisible()
    await user.type(field('Name'), 'A name changes nothing')
    expect(screen.getByText('The provider rejected the API key.')).toBeVisible()
    await user.type(apiKey(), '2')
    expect(screen.getByText('Not tested')).toBeVisible()
    expect(apiKey()).toHaveValue('sk-wrong2')
  })

  it('can be stopped, and a late answer is not shown', async () => {
    anApi()
    const gate: { open?: () => void } = {}
    const isStopped = new Promise<void>((resolve) => (gate.open = resolve))
    let hasAnswered = false
    server.use(
      http.post('*/api/models/test-connection', async () => {
        await isStopped
        hasAnswered = true
        return HttpResponse.json({ ok: true, latencyMs: 1, models: [], error: null })
      }),
    )
    const { user } = await open()
    await user.click(test())
    expect(screen.getByText('Testing…')).toBeVisible()
    await user.click(screen.getByRole('button', { name: 'Cancel test' }))
    gate.open?.()
    await waitFor(() => expect(hasAnswered).toBe(true))
    // Whatever the answer would do, it has done by then.
    await delay(0)
    expect(screen.getByText('Not tested')).toBeVisible()
    expect(test()).toHaveFocus()
  })

  it('says when the API itself does not answer', async () => {
    anApi()
    server.use(http.post('*/api/models/test-connection', () => HttpResponse.error()))
    const { user } = await open()
    await user.click(test())
    expect(await screen.findByText('The Weighbridge API does not answer.')).toBeVisible()
  })
})

describe('creating a hosted model', () => {
  it('closes the page, and has the stored model tested once more if the test succeeded', async () => {
    const { asked } = anApi()
    answers({ ok: true, latencyMs: 5, models: [], error: null })
    server.use(
      http.post('*/api/models', () => HttpResponse.json(aHosted({ name: 'GPT' }), { status: 201 })),
      http.get('*/api/models/8', () => HttpResponse.json(aHosted({ name: 'GPT' }))),
    )
    const { user } = await open()
    await user.type(field('Name'), 'GPT')
    await user.type(apiKey(), 'sk-secret')
    await user.click(test())
    await screen.findByText(/^Connected/)
    await user.click(screen.getByRole('button', { name: 'Create' }))
    expect(await screen.findByText('GPT created')).toBeVisible()
    expect(location.pathname).toBe('/models')
    expect(asked('POST /api/models')[0]?.body).toEqual({
      type: 'hosted-llm',
      name: 'GPT',
      category: 'llm',
      isActive: true,
      provider: 'openai',
      baseUrl: 'https://api.openai.com/v1',
      apiKey: 'sk-secret',
    })
    await waitFor(() => expect(asked('POST /api/models/test-connection')[1]?.body).toEqual({ modelId: 8 }))
    await waitFor(() => expect(asked('GET /api/models/8')).toHaveLength(1))
    expect(JSON.stringify({ ...sessionStorage, ...localStorage })).not.toContain('secret')
    expect(sessionStorage).toHaveLength(0)
  })
})

describe('the draft', () => {
  it('comes back after a reload, without the key, and can be discarded', async () => {
    anApi()
    const { user, unmount } = await open()
    await user.type(field('Name'), 'GPT-5 mini')
    await user.type(apiKey(), 'sk-secret')
    expect(screen.getByText('Draft kept on this device')).toBeVisible()
    expect(JSON.stringify({ ...sessionStorage })).not.toContain('secret')
    unmount()

    await open()
    expect(screen.getByText('Your draft is back')).toBeVisible()
    expect(field('Name')).toHaveValue('GPT-5 mini')
    expect(apiKey()).toHaveValue('')
    await user.click(screen.getByRole('button', { name: 'Discard draft' }))
    expect(field('Name')).toHaveValue('')
    expect(sessionStorage).toHaveLength(0)
  })
})

describe('leaving', () => {
  it('goes at once when nothing was typed', async () => {
    anApi()
    const { user } = await open()
    await user.keyboard('{Escape}')
    expect(location.pathname).toBe('/models')
  })

  it('asks once when there are changes, and keeps or discards them', async () => {
    anApi()
    const { user } = await open()
    await user.type(field('Name'), 'GPT')
    await user.keyboard('{Escape}')
    expect(await screen.findByRole('button', { name: 'Keep editing' })).toHaveFocus()
    await user.keyboard('{Escape}')
    await waitFor(() => expect(screen.queryByText('Discard your changes?')).not.toBeInTheDocument())
    expect(location.pathname).toBe('/models/new')
    expect(field('Name')).toHaveValue('GPT')

    await user.click(screen.getByRole('button', { name: 'Cancel' }))
    await user.click(await screen.findByRole('button', { name: 'Discard' }))
    expect(location.pathname).toBe('/models')
    expect(sessionStorage).toHaveLength(0)
  })

  it('warns before the tab is closed only while there is a key that no draft keeps', async () => {
    anApi()
    const { user } = await open()
    await user.type(field('Name'), 'GPT')
    expect(isHeldBack()).toBe(false)
    await user.type(apiKey(), 'sk')
    expect(isHeldBack()).toBe(true)
  })
})
