import { act, screen } from '@testing-library/react'
import { expect, test, vi } from 'vitest'
import { progress } from '../../src/live/progress'
import { ModelTable } from '../../src/models/model-table'
import { aDownload, aModel, renderPage } from '../make'

const drawn = vi.hoisted(() => ({ glyphs: [] as string[], bars: [] as string[] }))

vi.mock('../../src/ui/glyph', () => ({
  Glyph: ({ name }: { name: string }) => {
    drawn.glyphs.push(name)
    return null
  },
}))
vi.mock('../../src/ui/bar', () => ({
  Bar: ({ label }: { label: string }) => {
    drawn.bars.push(label)
    return null
  },
}))

test('a tick draws the status of one row, and neither its row nor the other', () => {
  const models = [
    aModel({ id: 1, name: 'One', downloadStatus: 'Downloading' }),
    aModel({ id: 2, name: 'Two', downloadStatus: 'Downloading' }),
  ]
  progress.replace([aDownload({ modelId: 1 }), aDownload({ modelId: 2, taskId: '2' })])
  renderPage(<ModelTable models={models} sort={{ key: 'name', descending: false }} />)
  expect(new Set(drawn.glyphs)).toEqual(new Set(['One', 'Two']))
  drawn.glyphs = []
  drawn.bars = []
  act(() => progress.update([aDownload({ modelId: 1, percent: 60, updatedAt: '2026-11-21T08:01:00+00:00' })]))
  expect(screen.getByText('60%')).toBeVisible()
  expect(drawn).toEqual({ glyphs: [], bars: ['Download of One'] })
})
