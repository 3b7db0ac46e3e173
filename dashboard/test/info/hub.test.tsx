import { screen, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { http, HttpResponse } from 'msw'
import { describe, expect, it, vi } from 'vitest'
import type { Model } from '../../src/api/models'
import InfoDrawer from '../../src/info/info-drawer'
import { anAccess, aPreview, aVariant } from '../hub'
import { aModel, renderPage } from '../make'
import { server } from '../server'

const COMMIT = 'a9b1c2d3e4'.repeat(4)
const PREVIEW = aPreview({
  repo: 'unsloth/Qwen3-0.6B-GGUF',
  tags: ['gguf', 'conversational'],
  downloads: 412345,
  lastModified: '2026-08-01T10:00:00',
  baseModel: 'Qwen/Qwen3-0.6B',
  gated: 'manual',
  family: null,
  parameterCount: null,
  variants: [
    aVariant('Q4_0', 0.381, {
      modelId: 7,
      memoryBytes: 0.9e9,
      fits: true,
      ratings: { quality: 2, speed: null, memory: null },
    }),
  ],
})

function show(model: Model) {
  const usage = { blockedBy: [], warnings: [], canDelete: true, requiresConfirmation: false }
  server.use(
    http.get('*/api/models', () => HttpResponse.json([model])),
    http.get('*/api/models/:id/usage', () => HttpResponse.json(usage)),
    http.get('*/api/models/:id/references', () => HttpResponse.json([])),
    http.get('*/api/operations', () => HttpResponse.json([])),
    http.get('*/api/health', () => HttpResponse.json({ hub: { endpoint: 'https://hub.example' } })),
  )
  renderPage(<InfoDrawer id={7} open onClose={() => {}} />)
}

/** A section's facts, `name: value`. */
async function facts(name: string): Promise<Record<string, string>> {
  const section = await screen.findByRole('region', { name })
  const names = within(section).getAllByRole('term')
  return Object.fromEntries(names.map((term) => [term.textContent, term.nextSibling?.textContent ?? '']))
}

describe('the Hub', () => {
  it('is asked only when somebody wants to know', async () => {
    const asked = vi.fn()
    show(aModel({ commitHash: COMMIT }))
    server.use(
      http.get('*/api/hub/repo', ({ request }) => {
        asked(Object.fromEntries(new URL(request.url).searchParams))
        return HttpResponse.json(PREVIEW)
      }),
    )
    const button = await screen.findByRole('button', { name: 'Show what the Hub says' })
    expect(asked).not.toHaveBeenCalled()
    await userEvent.click(button)
    await screen.findByText('1,310')
    expect(asked).toHaveBeenCalledWith({
      repo: 'unsloth/Qwen3-0.6B-GGUF',
      revision: COMMIT,
      modelId: '7',
    })
    expect(await facts('On the Hub')).toEqual({
      'Memory, about': '900 MB',
      Fit: 'Fits',
      Quality: 'Quality 2 of 5',
      Layers: '40',
      'Hidden size': '5,120',
      'Attention heads': '40',
      'KV heads': '8',
      'Head size': '128',
      Vocabulary: '151,936',
      Task: 'text-generation',
      License: 'apache-2.0',
      Access: 'After its authors have agreed',
      Likes: '1,310',
      Downloads: '412,345',
      'Base model': 'Qwen/Qwen3-0.6B ',
      Architecture: 'qwen3',
      Context: '40,960 tokens',
      'Last modified': '1 Aug 2026, 10:00',
      Tags: 'ggufconversational',
    })
    await userEvent.click(screen.getByText('All metadata'))
    expect(screen.getByText(/"baseModel": "Qwen\/Qwen3-0.6B"/)).toBeVisible()
  })

  it('that refuses has its cause and remedy told, and may be asked again', async () => {
    show(aModel())
    server.use(
      http.get(
        '*/api/hub/repo',
        () =>
          HttpResponse.json({ detail: 'The token was rejected.', remedy: 'Replace it.' }, { status: 424 }),
        { once: true },
      ),
      http.get('*/api/hub/repo', () => HttpResponse.json(PREVIEW)),
    )
    await userEvent.click(await screen.findByRole('button', { name: 'Show what the Hub says' }))
    expect(await screen.findByRole('alert')).toHaveTextContent('The token was rejected.Replace it.')
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }))
    expect(await screen.findByText('1,310')).toBeVisible()
  })
})

describe('a download that a gate has stopped', () => {
  const error = { code: 'LICENSE_NOT_ACCEPTED', detail: 'It was refused.', remedy: 'Accept the license.' }
  const failed = aModel({ downloadStatus: 'Failed', hasHfToken: true, error })

  it('says how the gate stands now, with the buttons that solve it', async () => {
    const detail = 'This token’s account has not accepted the license.'
    let access = anAccess({ status: 'license_not_accepted', tokenSource: 'model', detail })
    const asked: string[] = []
    server.use(
      http.get('*/api/hub/access', ({ request }) => {
        asked.push(new URL(request.url).search)
        return HttpResponse.json(access)
      }),
    )
    show(failed)
    expect(await screen.findByRole('alert')).toHaveTextContent(detail)
    expect(asked).toEqual(['?repo=unsloth%2FQwen3-0.6B-GGUF&modelId=7'])
    expect(screen.getByRole('link', { name: /^Accept the license on Hugging Face/ })).toHaveAttribute(
      'href',
      access.link,
    )
    expect(screen.getByRole('link', { name: 'Use another token' })).toHaveAttribute('href', '/models/7/edit')
    expect(screen.getByRole('button', { name: 'Retry' })).toBeEnabled()
    access = anAccess({ status: 'pending', tokenSource: 'model' })
    await userEvent.click(screen.getByRole('button', { name: 'Check again' }))
    expect(await screen.findByText('Waiting for the authors')).toBeVisible()
    access = anAccess()
    await userEvent.click(screen.getByRole('button', { name: 'Check again' }))
    expect(await screen.findByText('Access granted since')).toBeVisible()
    expect(screen.getByRole('button', { name: 'Retry' })).toBeEnabled()
  })

  it('says how it stood where the Hub can’t be asked', async () => {
    server.use(http.get('*/api/hub/access', () => HttpResponse.json({ detail: 'Away.' }, { status: 503 })))
    show(failed)
    expect(await screen.findByText('It was refused.')).toBeVisible()
    expect(screen.getByText('Accept the license.')).toBeVisible()
    expect(screen.getByRole('button', { name: 'Retry' })).toBeEnabled()
  })
})
