import { beforeEach, describe, expect, it } from 'vitest'
import * as overlay from '../../src/lib/overlay'

const read = (text: string) => overlay.overlayOf(new URLSearchParams(text))
const address = () => location.pathname + location.search

describe('the address', () => {
  it.each([
    ['', null],
    ['panel=queue', { kind: 'queue' }],
    ['panel=keys', { kind: 'keys' }],
    ['panel=other', null],
    ['info=7', { kind: 'info', id: 7 }],
    ['delete=7', { kind: 'delete', id: 7 }],
    ['info=0', null],
    ['info=-1', null],
    ['info=7x', null],
    ['info=1e3', null],
    ['info=', null],
    ['info=99999999999', null],
    ['info=7&info=8', { kind: 'info', id: 7 }],
    ['info=7&panel=queue', { kind: 'info', id: 7 }],
    ['info=7&delete=8', { kind: 'delete', id: 8 }],
    ['q=qwen&panel=queue', { kind: 'queue' }],
    ['entry=qwen3-8b', { kind: 'entry', id: 'qwen3-8b' }],
    ['entry=', null],
    ['entry=qwen3-8b&info=7', { kind: 'info', id: 7 }],
  ])('?%s opens %j', (text, opened) => expect(read(text)).toEqual(opened))
})

describe('opening and closing', () => {
  beforeEach(() => history.replaceState(null, '', '/models?q=qwen'))

  it('keeps what else the address says', () => {
    overlay.openInfo(7)
    expect(address()).toBe('/models?q=qwen&info=7')
    overlay.openDelete(7)
    expect(address()).toBe('/models?q=qwen&delete=7')
    overlay.openQueue()
    expect(address()).toBe('/models?q=qwen&panel=queue')
    overlay.openKeys()
    expect(address()).toBe('/models?q=qwen&panel=keys')
    overlay.closeOverlay()
    expect(address()).toBe('/models?q=qwen')
  })

  it('makes a step in the history, so that Back closes', () => {
    const before = history.length
    overlay.openQueue()
    expect(history.length).toBe(before + 1)
    overlay.closeOverlay()
    expect(history.length).toBe(before + 1)
  })
})
