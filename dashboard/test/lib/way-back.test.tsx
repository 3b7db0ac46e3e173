import { act, render } from '@testing-library/react'
import { navigate } from 'wouter/use-browser-location'
import { expect, it } from 'vitest'
import { RememberPage, wayBack } from '../../src/lib/way-back'

it('leads from a fullscreen page to the page before it, with its filters', () => {
  history.replaceState(null, '', '/models?q=qwen')
  render(<RememberPage />)
  act(() => navigate('/models/new?type=hosted'))
  expect(wayBack()).toBe('/models?q=qwen')
  act(() => navigate('/models/7/edit'))
  expect(wayBack()).toBe('/models?q=qwen')
  act(() => navigate('/settings'))
  expect(wayBack()).toBe('/settings')
})
