import { act, render, screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import { changeView, clearFilters, toggle, useView } from '../../src/models/view'

function Shown() {
  const { q, kind, family, status, layout } = useView()
  return <p>{[q, kind, ...family, ...status, layout].join(' ')}</p>
}

const shown = () => screen.getByText(/table|repositories/).textContent

test('what is chosen stands in the address and survives the next visit', () => {
  history.replaceState(null, '', '/models')
  const page = render(<Shown />)
  act(() => changeView({ q: 'qwen', layout: 'repositories' }))
  act(() => toggle('status', [], 'Failed'))
  expect(location.search).toBe('?q=qwen&status=Failed&view=repositories')
  expect(shown()).toBe('qwen all Failed repositories')

  page.unmount()
  history.replaceState(null, '', '/models')
  render(<Shown />)
  expect(shown()).toBe('qwen all Failed repositories')
  expect(location.search).toBe('?q=qwen&status=Failed&view=repositories')
})

test('an address that says something is not mixed with the last visit', () => {
  render(<Shown />)
  act(() => changeView({ q: 'old' }))
  act(() => history.replaceState(null, '', '/models?kind=llm'))
  expect(shown()).toBe(' llm table')
})

test('an open overlay stays open, and Back does not walk through every letter', () => {
  history.replaceState(null, '', '/models?info=7')
  const length = history.length
  render(<Shown />)
  act(() => changeView({ q: 'a' }))
  act(() => changeView({ q: 'ab' }))
  expect(location.search).toBe('?info=7&q=ab')
  expect(history.length).toBe(length)
})

test('clearing forgets search and filters and keeps kind and view', () => {
  history.replaceState(null, '', '/models?q=a&kind=llm&family=Qwen&view=repositories')
  render(<Shown />)
  act(clearFilters)
  expect(location.search).toBe('?kind=llm&view=repositories')
})

test('once everything is as at first nothing is kept', () => {
  render(<Shown />)
  act(() => changeView({ q: 'a' }))
  act(() => changeView({ q: '' }))
  expect(localStorage).toHaveLength(0)
})
