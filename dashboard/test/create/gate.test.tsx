import { screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { http, HttpResponse } from 'msw'
import { describe, expect, it, vi } from 'vitest'
import type { Access } from '../../src/api/hub'
import CreatePage from '../../src/create/create-page'
import type { Source } from '../../src/create/source'
import { SourceNotice } from '../../src/create/source-notice'
import { anAccess, aPreview } from '../hub'
import { aModel, renderPage } from '../make'
import { server } from '../server'
import { anApi } from './api'

const REPO = 'meta-llama/Llama-3.3-70B'
const GGUF = 'unsloth/Qwen3-14B-GGUF'
const LISTED = aPreview({ repo: REPO, gated: 'manual' })
const HIDDEN = aPreview({ repo: REPO, gated: 'manual', totalBytes: null, fileCount: null, variants: [] })

type Answer = Partial<Access> | (() => Response)

function open(
  answer: Answer,
  {
    preview = HIDDEN,
    hasTypedToken = false,
    onSaveAndList = null,
  }: { preview?: typeof LISTED; hasTypedToken?: boolean; onSaveAndList?: (() => void) | null } = {},
) {
  const said = { answer, asked: 0 }
  const [retry, onToken] = [vi.fn(), vi.fn()]
  const source: Source = {
    wrong: null,
    ref: { repo: REPO, revision: null, filename: null },
    revision: 'main',
    key: 'key',
    preview,
    isListed: preview.totalBytes !== null,
    problem: null,
    isBusy: false,
    retry,
  }
  server.use(
    http.get('*/api/hub/access', () => {
      said.asked += 1
      if (typeof said.answer === 'function') return said.answer()
      return HttpResponse.json(anAccess({ repo: REPO, gated: 'manual', ...said.answer }))
    }),
  )
  renderPage(
    <SourceNotice
      source={source}
      modelId={undefined}
      hasTypedToken={hasTypedToken}
      onToken={onToken}
      onSaveAndList={onSaveAndList}
    />,
  )
  return { said, retry, onToken, user: userEvent.setup() }
}

const actions = () =>
  screen
    .queryAllByRole('button')
    .concat(screen.queryAllByRole('link'))
    .map((one) => one.textContent)

describe('each thing that stands in the way has the buttons that solve it', () => {
  it.each([
    ['token_missing', null, 'A token is needed', ['Enter a token', 'Accept the license on Hugging Face']],
    ['token_invalid', 'server', 'The token was rejected', ['Enter a token']],
    ['token_invalid', 'model', 'The token was rejected', ['Replace the token']],
    [
      'license_not_accepted',
      'model',
      'The license is not accepted yet',
      ['Check again', 'Use another token', 'Accept the license on Hugging Face'],
    ],
    ['pending', 'model', 'Waiting for the authors', ['Check again']],
    ['denied', 'model', 'The authors have declined', ['Check again', 'Use another token']],
    ['not_found', 'server', 'No such repository', ['Enter a token']],
  ] as const)('%s with the token of the %s', async (status, tokenSource, title, buttons) => {
    open({ status, tokenSource, detail: 'This is why.', remedy: 'Do this.' })
    expect(await screen.findByText(title)).toBeVisible()
    expect(screen.getByRole('alert')).toHaveTextContent('This is why. Do this.')
    expect(actions()).toEqual(buttons)
  })

  it('leads to the field of the token, and to the license in a tab of its own', async () => {
    const { onToken, user } = open({ status: 'token_missing', link: 'https://huggingface.co/meta-llama' })
    await user.click(await screen.findByRole('button', { name: 'Enter a token' }))
    expect(onToken).toHaveBeenCalledTimes(1)
    const link = screen.getByRole('link', { name: /^Accept the license.*opens in a new tab/ })
    expect(link).toHaveAttribute('href', 'https://huggingface.co/meta-llama')
    expect(link).toHaveAttribute('target', '_blank')
  })
})

describe('checking again', () => {
  it('that changes nothing says when that was', async () => {
    const { said, user } = open({ status: 'pending' })
    await user.click(await screen.findByRole('button', { name: 'Check again' }))
    expect(await screen.findByText(/Checked at \d\d:\d\d:\d\d/)).toBeVisible()
    expect(said.asked).toBe(2)
  })

  it('lists the files once the door is open', async () => {
    const { said, retry, user } = open({ status: 'license_not_accepted' })
    const button = await screen.findByRole('button', { name: 'Check again' })
    expect(retry).not.toHaveBeenCalled()
    said.answer = { status: 'ok' }
    await user.click(button)
    await waitFor(() => expect(retry).toHaveBeenCalledTimes(1))
    expect(screen.queryByText('The license is not accepted yet')).not.toBeInTheDocument()
  })

  it('happens by itself when somebody comes back from accepting', async () => {
    const { said, retry } = open({ status: 'license_not_accepted' })
    await screen.findByRole('button', { name: 'Check again' })
    said.answer = { status: 'ok' }
    vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 60_000)
    window.dispatchEvent(new Event('visibilitychange'))
    await waitFor(() => expect(retry).toHaveBeenCalledTimes(1))
    vi.restoreAllMocks()
  })
})

it('a gate that is open already is told in a word', async () => {
  open({ status: 'ok', tokenSource: 'server' }, { preview: LISTED })
  expect(await screen.findByText('Access granted')).toBeVisible()
  expect(screen.getByText(/to the token of this server/)).toBeVisible()
  expect(screen.queryByRole('alert')).not.toBeInTheDocument()
})

it('a Hub that can not be asked is asked again', async () => {
  const { said, user } = open(() =>
    HttpResponse.json({ detail: 'Hugging Face does not answer.', remedy: 'Wait.' }, { status: 503 }),
  )
  expect(await screen.findByRole('alert')).toHaveTextContent('Hugging Face does not answer.Wait.')
  said.answer = { status: 'pending' }
  await user.click(screen.getByRole('button', { name: 'Try again' }))
  expect(await screen.findByText('Waiting for the authors')).toBeVisible()
})

describe('a token that was typed', () => {
  it('is saved before the files are listed with it', async () => {
    const onSaveAndList = vi.fn()
    const { said, user } = open({ status: 'token_missing' }, { hasTypedToken: true, onSaveAndList })
    await user.click(screen.getByRole('button', { name: 'Save and list files' }))
    expect(onSaveAndList).toHaveBeenCalledTimes(1)
    expect(said.asked).toBe(0)
  })

  it('leaves nothing to say where the files are listed', () => {
    open({ status: 'token_missing' }, { hasTypedToken: true, preview: LISTED })
    expect(screen.queryByText(/token/i)).not.toBeInTheDocument()
  })
})

const field = (name: string | RegExp) => screen.getByLabelText(name)
const submit = () => screen.getByRole('button', { name: /^Creat/ })

async function openPageWith(repo: string) {
  const user = userEvent.setup()
  renderPage(<CreatePage />)
  await user.click(field('Repository'))
  await user.paste(repo)
  return { user }
}

describe('a gated repository, on the page of a new model', () => {
  describe('that keeps its files to itself', () => {
    const gated = aPreview({ gated: 'manual', totalBytes: null, fileCount: null, variants: [] })

    it('tells what to do, and saves a token first to list the files with it', async () => {
      const { asked } = anApi({ preview: gated, access: anAccess({ status: 'token_missing' }) })
      server.use(
        http.post('*/api/models', () =>
          HttpResponse.json(aModel({ id: 50, hasHfToken: true }), { status: 201 }),
        ),
      )
      const { user } = await openPageWith(GGUF)
      await user.click(await screen.findByRole('button', { name: 'Enter a token' }))
      expect(field(/^Hugging Face token/)).toHaveFocus()
      expect(screen.queryByRole('button', { name: 'Save and list files' })).not.toBeInTheDocument()
      await user.keyboard('hf_secret')
      await user.click(await screen.findByRole('button', { name: 'Save and list files' }))
      await waitFor(() => expect(location.pathname).toBe('/models/50/edit'))
      expect(asked('POST /api/models')[0]?.body).toMatchObject({
        hfRepo: GGUF,
        modelFile: null,
        hfToken: 'hf_secret',
        downloadNow: false,
      })
      expect(JSON.stringify({ ...sessionStorage, ...localStorage }) + location.href).not.toContain(
        'hf_secret',
      )
    })
  })

  describe('whose files are public', () => {
    it('asks for a token before, and leads to it when the download was refused', async () => {
      anApi({ preview: aPreview({ gated: 'auto' }), access: anAccess({ status: 'token_missing' }) })
      const failed = aModel({
        id: 50,
        downloadStatus: 'Failed',
        error: { code: 'GATED_MODEL_NO_TOKEN', detail: 'No token was sent.', remedy: 'Accept the license.' },
      })
      server.use(http.post('*/api/models', () => HttpResponse.json(failed, { status: 201 })))
      const { user } = await openPageWith(GGUF)
      expect(await screen.findByText('A token is needed')).toBeVisible()
      await user.type(field(/^Hugging Face token/), 'hf_1')
      expect(screen.queryByText('A token is needed')).not.toBeInTheDocument()
      await waitFor(() => expect(submit()).toBeEnabled())
      await user.click(submit())
      expect(
        await screen.findByRole('link', { name: /^Accept the license on Hugging Face/ }),
      ).toHaveAttribute('href', `https://huggingface.co/${failed.hfRepo}`)
      await user.click(screen.getByRole('link', { name: 'Change the token' }))
      expect(location.pathname).toBe('/models/50/edit')
    })
  })
})
