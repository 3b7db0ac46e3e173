import { act, render, screen } from '@testing-library/react'
import { afterEach, expect, it } from 'vitest'
import { chooseTheme, useTheme } from '../../src/lib/theme'

afterEach(() => act(() => chooseTheme('system')))

function Theme() {
  const { theme, isDark } = useTheme()
  return <p>{`${theme} ${isDark ? 'dark' : 'light'}`}</p>
}

it('follows what is chosen, and keeps it for the next page', () => {
  render(<Theme />)
  expect(screen.getByText('system light')).toBeInTheDocument()
  act(() => chooseTheme('dark'))
  expect(screen.getByText('dark dark')).toBeInTheDocument()
  expect(document.documentElement.dataset.theme).toBe('dark')
  expect(localStorage.getItem('weighbridge-theme')).toBe('dark')
  act(() => chooseTheme('system'))
  expect(screen.getByText('system light')).toBeInTheDocument()
  expect(document.documentElement.dataset.theme).toBeUndefined()
  expect(localStorage.getItem('weighbridge-theme')).toBeNull()
})
