import { act, render, screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { useRef, useState } from 'react'
import { describe, expect, it, vi } from 'vitest'
import { Button, IconButton } from '../../src/ui/button'
import { Checkbox } from '../../src/ui/checkbox'
import { Dialog } from '../../src/ui/dialog'
import { Drawer } from '../../src/ui/drawer'
import { Field, Input } from '../../src/ui/field'
import { Segmented } from '../../src/ui/segmented'
import { complain, toast } from '../../src/ui/toasts'
import { CutMiddle } from '../../src/ui/tooltip'
import { renderPage } from '../make'

it('a button of one icon has a name', () => {
  renderPage(<IconButton label="Cancel Qwen3 14B" tip="Cancel" />)
  expect(screen.getByRole('button', { name: 'Cancel Qwen3 14B' })).toBeEnabled()
})

it('a box is ticked by its words too', async () => {
  const onChange = vi.fn()
  render(
    <Checkbox checked={false} onChange={onChange} hint="a.gguf">
      Also delete the file
    </Checkbox>,
  )
  await userEvent.click(screen.getByText('Also delete the file'))
  expect(onChange.mock.calls[0]?.[0]).toBe(true)
})

function Choice() {
  const [value, setValue] = useState<'a' | 'b'>('a')
  const options = [
    { value: 'a', label: 'First' },
    { value: 'b', label: 'Second' },
  ] as const
  return <Segmented label="Choice" value={value} options={options} onChange={setValue} />
}

it('one of several is chosen with the arrows', async () => {
  render(<Choice />)
  await userEvent.tab()
  expect(screen.getByRole('radio', { name: 'First' })).toHaveFocus()
  await userEvent.keyboard('{ArrowRight}')
  expect(screen.getByRole('radio', { name: 'Second' })).toBeChecked()
})

describe('a field', () => {
  it('describes its input by the hint, and when it is wrong by why', () => {
    const { rerender } = render(
      <Field label="Name" hint="As people call it.">
        <Input />
      </Field>,
    )
    expect(screen.getByLabelText('Name')).toHaveAccessibleDescription('As people call it.')
    rerender(
      <Field label="Name" hint="As people call it." error="Is taken.">
        <Input />
      </Field>,
    )
    expect(screen.getByLabelText('Name')).toHaveAccessibleDescription('Is taken.')
    expect(screen.getByLabelText('Name')).toBeInvalid()
  })
})

it('a file name cut in the middle is still there in full', () => {
  const name = 'Llama-3.3-70B-Instruct-Q4_K_M.gguf'
  const { container } = renderPage(<CutMiddle text={name} />)
  expect(container).toHaveTextContent(name)
})

function Asked({ onClose }: { onClose: () => void }) {
  const keep = useRef<HTMLButtonElement>(null)
  const [open, setOpen] = useState(false)
  const close = () => {
    onClose()
    setOpen(false)
  }
  return (
    <>
      <Button onClick={() => setOpen(true)}>Ask</Button>
      <Dialog
        open={open}
        onClose={close}
        title="Sure?"
        description="It can't be undone."
        initialFocus={keep}
        actions={
          <>
            <Button>Do it</Button>
            <Button ref={keep} onClick={close}>
              Keep
            </Button>
          </>
        }
      />
    </>
  )
}

describe('a dialog', () => {
  it('takes the focus to the harmless answer, closes with Esc and gives the focus back', async () => {
    const onClose = vi.fn()
    render(<Asked onClose={onClose} />)
    await userEvent.click(screen.getByRole('button', { name: 'Ask' }))
    expect(screen.getByRole('dialog', { name: 'Sure?' })).toHaveAccessibleDescription("It can't be undone.")
    await waitFor(() => expect(screen.getByRole('button', { name: 'Keep' })).toHaveFocus())
    await userEvent.keyboard('{Escape}')
    expect(onClose).toHaveBeenCalledTimes(1)
    await waitFor(() => expect(screen.getByRole('button', { name: 'Ask' })).toHaveFocus())
  })
})

describe('a drawer', () => {
  it('takes the focus itself and closes by its button', async () => {
    const onClose = vi.fn()
    renderPage(
      <Drawer open onClose={onClose} title="Downloads" subtitle="2 running" footer={<Button>Edit</Button>}>
        Content
      </Drawer>,
    )
    await waitFor(() => expect(screen.getByRole('dialog', { name: 'Downloads' })).toHaveFocus())
    await userEvent.click(screen.getByRole('button', { name: 'Close' }))
    expect(onClose).toHaveBeenCalled()
  })
})

describe('toasts', () => {
  it('offer the way back, once', async () => {
    const run = vi.fn()
    renderPage(null)
    act(() => toast('Canceled', { label: 'Resume', run }))
    await userEvent.click(await screen.findByRole('button', { name: 'Resume' }))
    expect(run).toHaveBeenCalledTimes(1)
    await waitFor(() => expect(screen.queryByRole('button', { name: 'Resume' })).toBeNull())
  })

  it('say what could not be done', async () => {
    renderPage(null)
    act(() => complain('Qwen3 could not be started', 'Redis is away. Wait.'))
    expect(await screen.findAllByText('Redis is away. Wait.')).not.toHaveLength(0)
  })
})
