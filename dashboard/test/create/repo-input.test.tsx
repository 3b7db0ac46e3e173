import { act, screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { http, HttpResponse } from 'msw'
import { useState } from 'react'
import { describe, expect, it, vi } from 'vitest'
import { type Health, healthQuery } from '../../src/api/health'
import type { FoundRepo } from '../../src/api/hub'
import { RepoInput } from '../../src/create/repo-input'
import { aFound } from '../hub'
import { aHub, renderPage } from '../make'
import { server } from '../server'

const QWEN = [aFound('Qwen/Qwen3-8B-GGUF', { gated: 'auto' }), aFound('unsloth/Qwen3-8B-GGUF')]

function Place({ onPick, onKey }: { onPick: (repo: string) => void; onKey?: (key: string) => void }) {
  const [text, setText] = useState('')
  return (
    // Whoever listens further out hears what the list has not taken for itself.
    // oxlint-disable-next-line jsx-a11y/no-static-element-interactions
    <div onKeyDown={({ key }) => onKey?.(key)}>
      <RepoInput
        aria-label="Repository"
        text={text}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onPick={(repo) => {
          setText(repo)
          onPick(repo)
        }}
      />
    </div>
  )
}

function open(found: FoundRepo[] | (() => Response) = QWEN, headers: Record<string, string> = {}) {
  const asked: string[] = []
  const [onPick, onKey] = [vi.fn(), vi.fn()]
  server.use(
    http.get('*/api/health', () => HttpResponse.json({ hub: aHub(), catalogOnly: false })),
    http.get('*/api/hub/search', ({ request }) => {
      asked.push(new URL(request.url).searchParams.get('q') ?? '')
      return typeof found === 'function' ? found() : HttpResponse.json(found, { headers })
    }),
  )
  const { queries } = renderPage(<Place onPick={onPick} onKey={onKey} />)
  return { asked, queries, onPick, onKey, user: userEvent.setup() }
}

/** Do something, then let as much time pass as the field waits for. */
async function pauseAfter(run: () => Promise<void>) {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'], shouldAdvanceTime: true })
  await run()
  await act(() => vi.advanceTimersByTimeAsync(1000))
  vi.useRealTimers()
}

const field = () => screen.getByRole('combobox', { name: 'Repository' })
const options = () => screen.findAllByRole('option')

describe('suggestions', () => {
  it('come once the typing pauses, with what tells them apart, and the match stands out', async () => {
    const { asked, user } = open()
    await user.type(field(), 'qwen3')
    const found = await options()
    expect(found.map((option) => option.textContent)).toEqual([
      'Qwen/Qwen3-8B-GGUFGated 1,310 likes 412k downloads',
      'unsloth/Qwen3-8B-GGUF 1,310 likes 412k downloads',
    ])
    expect(within(found[1]!).getByText('Qwen3', { selector: 'mark' })).toBeVisible()
    expect(asked).toEqual(['qwen3'])
    expect(field()).toHaveAttribute('aria-expanded', 'true')
    expect(field()).toHaveAttribute('aria-controls', screen.getByRole('listbox').id)
  })

  it('are walked through with the arrows, around over the field itself', async () => {
    const { onPick, user } = open()
    await user.type(field(), 'qwen')
    const [first, second] = await options()
    expect(field()).not.toHaveAttribute('aria-activedescendant')
    await user.keyboard('{ArrowDown}')
    expect(field()).toHaveAttribute('aria-activedescendant', first!.id)
    expect(first).toHaveAttribute('aria-selected', 'true')
    await user.keyboard('{ArrowDown}{ArrowDown}')
    expect(field()).not.toHaveAttribute('aria-activedescendant')
    await user.keyboard('{ArrowUp}')
    expect(field()).toHaveAttribute('aria-activedescendant', second!.id)
    await user.keyboard('{Enter}')
    expect(onPick).toHaveBeenCalledWith('unsloth/Qwen3-8B-GGUF')
    expect(field()).toHaveFocus()
    expect(screen.queryByRole('listbox')).not.toBeInTheDocument()
  })

  it('are chosen with a click, and the keyboard stays in the field', async () => {
    const { onPick, user } = open()
    await user.type(field(), 'qwen')
    await user.click((await options())[0]!)
    expect(onPick).toHaveBeenCalledWith('Qwen/Qwen3-8B-GGUF')
    expect(field()).toHaveFocus()
  })

  it('close with Esc, which then goes no further, and come back with an arrow', async () => {
    const { onKey, user } = open()
    await user.type(field(), 'qwen')
    await options()
    await user.keyboard('{Escape}')
    expect(screen.queryByRole('listbox')).not.toBeInTheDocument()
    expect(onKey).not.toHaveBeenCalledWith('Escape')
    await user.keyboard('{ArrowDown}')
    expect(await options()).toHaveLength(2)
    await user.keyboard('{Escape}{Escape}')
    expect(onKey).toHaveBeenCalledWith('Escape')
  })

  it('go when the field is left', async () => {
    const { user } = open()
    await user.type(field(), 'qwen')
    await options()
    await user.tab()
    expect(screen.queryByRole('listbox')).not.toBeInTheDocument()
  })

  it('say so when there are none', async () => {
    const { user } = open([])
    await user.type(field(), 'zzzz')
    expect(await screen.findByText('Nothing found on Hugging Face')).toBeVisible()
    expect(field()).toHaveAttribute('aria-expanded', 'false')
  })

  it('say so when they were kept from before', async () => {
    const { user } = open(QWEN, { 'X-Hub-Stale': 'true' })
    await user.type(field(), 'qwen')
    expect(await screen.findByText(/^Hugging Face is not reachable/)).toBeVisible()
    expect(await options()).toHaveLength(2)
  })
})

describe('nothing is in the way', () => {
  it('of a Hub that is away', async () => {
    const { asked, user } = open(() => HttpResponse.json({ detail: 'Away.' }, { status: 503 }))
    await user.type(field(), 'qwen')
    await waitFor(() => expect(asked).toEqual(['qwen']))
    await user.type(field(), '/x')
    await waitFor(() => expect(asked).toEqual(['qwen', 'qwen/x']))
    expect(field()).toHaveValue('qwen/x')
    expect(screen.queryByText(/found|reachable|Away/)).not.toBeInTheDocument()
  })

  it.each(['https://huggingface.co/Qwen/Qwen3-8B-GGUF', 'huggingface.co/Qwen/Qwen3-8B-GGUF', 'q'])(
    'of %s, for which nobody is asked',
    async (text) => {
      const { asked, user } = open()
      await pauseAfter(() => user.type(field(), text))
      await user.clear(field())
      await user.type(field(), 'bge')
      await options()
      expect(asked).toEqual(['bge'])
    },
  )

  it('of a Hub that is switched off', async () => {
    const { asked, queries, user } = open()
    const health = { hub: { ...aHub(), offline: true }, catalogOnly: false }
    await waitFor(() => expect(queries.getQueryData(healthQuery.queryKey)).toBeDefined())
    act(() => void queries.setQueryData(healthQuery.queryKey, health as Health))
    await pauseAfter(() => user.type(field(), 'qwen'))
    await user.clear(field())
    act(() => void queries.setQueryData(healthQuery.queryKey, { ...health, hub: aHub() } as Health))
    await user.type(field(), 'bge')
    await options()
    expect(asked).toEqual(['bge'])
  })

  it('of a name that is complete', async () => {
    const { asked, user } = open([aFound('Qwen/Qwen3-8B-GGUF')])
    await user.type(field(), 'qwen/qwen3-8b-gguf')
    await waitFor(() => expect(asked).toHaveLength(1))
    expect(screen.queryByRole('option')).not.toBeInTheDocument()
  })
})
