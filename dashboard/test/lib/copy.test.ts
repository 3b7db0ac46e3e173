import { afterEach, expect, it, vi } from 'vitest'
import { copyText } from '../../src/lib/copy'

afterEach(() => {
  vi.unstubAllGlobals()
  Reflect.deleteProperty(document, 'execCommand')
})

it('writes to the clipboard', async () => {
  const writeText = vi.fn(async () => {})
  vi.stubGlobal('navigator', { clipboard: { writeText } })
  expect(await copyText('abc')).toBe(true)
  expect(writeText).toHaveBeenCalledWith('abc')
})

it('takes the old way where a page without TLS has no clipboard, and leaves nothing behind', async () => {
  vi.stubGlobal('navigator', {})
  const copied: string[] = []
  document.execCommand = () => {
    copied.push((document.activeElement as HTMLTextAreaElement).value)
    return true
  }
  const button = document.body.appendChild(document.createElement('button'))
  button.focus()
  expect(await copyText('abc')).toBe(true)
  expect(copied).toEqual(['abc'])
  expect(document.querySelector('textarea')).toBeNull()
  expect(button).toHaveFocus()
  button.remove()
})

it('says so when the browser refuses', async () => {
  vi.stubGlobal('navigator', {})
  document.execCommand = () => false
  expect(await copyText('abc')).toBe(false)
})
