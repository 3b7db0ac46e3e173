import { afterEach, expect, it, vi } from 'vitest'
import { keep, kept } from '../../src/lib/keep'

afterEach(() => vi.restoreAllMocks())

it('keeps a value under our own name, and forgets it', () => {
  keep('view', { kind: 'table' })
  expect(localStorage.getItem('weighbridge-view')).toBe('{"kind":"table"}')
  expect(kept('view')).toEqual({ kind: 'table' })
  keep('view', null)
  expect(kept('view')).toBeNull()
})

it('takes what is no JSON as nothing', () => {
  localStorage.setItem('weighbridge-view', '{oops')
  expect(kept('view')).toBeNull()
})

it('goes on where storage is forbidden', () => {
  vi.spyOn(Storage.prototype, 'setItem').mockImplementation(() => {
    throw new DOMException('forbidden', 'SecurityError')
  })
  vi.spyOn(Storage.prototype, 'getItem').mockImplementation(() => {
    throw new DOMException('forbidden', 'SecurityError')
  })
  expect(() => keep('view', 1)).not.toThrow()
  expect(kept('view')).toBeNull()
})
