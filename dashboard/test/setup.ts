import '@testing-library/jest-dom/vitest'
import { cleanup, configure } from '@testing-library/react'
import { afterAll, afterEach, beforeAll, vi } from 'vitest'
import { progress } from '../src/live/progress'
import { server } from './server'

// What jsdom lacks and our components ask for.
vi.stubGlobal('matchMedia', (query: string) => ({
  matches: false,
  media: query,
  addEventListener: () => {},
  removeEventListener: () => {},
}))
vi.stubGlobal(
  'ResizeObserver',
  class {
    observe() {}
    unobserve() {}
    disconnect() {}
  },
)
vi.stubGlobal('scrollTo', () => {})
Element.prototype.getAnimations ??= () => []

// A machine that does other things too is no failure.
configure({ asyncUtilTimeout: 5000 })

beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
afterEach(() => {
  cleanup()
  progress.reset()
  server.resetHandlers()
  localStorage.clear()
  sessionStorage.clear()
  history.replaceState(null, '', '/')
})
afterAll(() => server.close())
