import { act, render, screen } from '@testing-library/react'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { progress, ProgressStore, SAMPLE_EVERY, SAMPLES, useProgress } from '../../src/live/progress'
import { aDownload } from '../make'

const TASK = '22222222-2222-4222-8222-222222222222'
const at = (second: number) => `2026-11-21T08:00:${String(second).padStart(2, '0')}+00:00`

let now: number
let store: ProgressStore

beforeEach(() => {
  now = Date.parse(at(10))
  store = new ProgressStore(() => now)
})

describe('news of a download', () => {
  it('are kept while it is unfinished', () => {
    store.update([aDownload({ percent: 43 })])
    store.update([aDownload({ percent: 44, updatedAt: at(11) })])
    expect(store.of(7)?.percent).toBe(44)
    store.update([aDownload({ status: 'Downloaded', updatedAt: at(12) })])
    expect(store.of(7)).toBeNull()
    expect(store.samplesOf(7)).toEqual([])
  })

  it('that were its last are remembered until its model is gone', () => {
    store.update([aDownload({ percent: 99 })])
    store.update([aDownload({ status: 'Downloaded' })])
    expect(store.lastOf(7)?.percent).toBe(99)
    store.drop(7)
    expect(store.lastOf(7)).toBeNull()
  })

  it('that were overtaken are ignored', () => {
    store.update([aDownload({ percent: 50, updatedAt: at(20) })])
    store.update([aDownload({ percent: 49, updatedAt: at(19) })])
    expect(store.of(7)?.percent).toBe(50)
    store.update([aDownload({ percent: 10, attempt: 2, updatedAt: at(5) })])
    expect(store.of(7)?.percent).toBe(10)
    store.update([aDownload({ percent: 51, attempt: 1, updatedAt: at(30) })])
    expect(store.of(7)?.percent).toBe(10)
  })

  it('of an ended download never bring it back', () => {
    store.update([aDownload()])
    store.update([aDownload({ status: 'Downloaded' })])
    store.update([aDownload({ percent: 99, updatedAt: at(59) })])
    expect(store.of(7)).toBeNull()
  })

  it('of an earlier download that ended say nothing about the one that runs', () => {
    store.update([aDownload({ taskId: TASK })])
    store.update([aDownload({ status: 'Canceled' })])
    expect(store.of(7)?.taskId).toBe(TASK)
  })

  it('in the words of tasks mean the same', () => {
    store.update([aDownload({ status: 'running' })])
    expect(store.totals().running).toBe(1)
    store.update([aDownload({ status: 'completed' })])
    expect(store.totals().unfinished).toBe(0)
  })
})

describe('a list of all unfinished downloads', () => {
  it('ends those that it lacks, and says whose they were', () => {
    store.update([aDownload(), aDownload({ modelId: 8, taskId: TASK })])
    expect(store.replace([aDownload({ modelId: 8, taskId: TASK })])).toEqual([7])
    expect(store.of(7)).toBeNull()
    expect(store.of(8)).not.toBeNull()
  })

  it('that was on its way may lack for 5 s one that was just asked for', () => {
    store.update([aDownload({ status: 'Pending' })])
    now += 4999
    expect(store.replace([], { tolerant: true })).toEqual([])
    expect(store.of(7)).not.toBeNull()
    now += 1
    expect(store.replace([], { tolerant: true })).toEqual([7])
  })
})

describe('the totals', () => {
  it('count what runs and what waits, and add up the speeds of what moves', () => {
    store.update([
      aDownload({ modelId: 1, taskId: 'a', speedBytesPerSecond: 50e6, percent: 10.9 }),
      aDownload({ modelId: 2, taskId: 'b', speedBytesPerSecond: 30e6, percent: 20 }),
      aDownload({ modelId: 3, taskId: 'c', speedBytesPerSecond: 99e6, percent: 30, stalledSeconds: 12 }),
      aDownload({ modelId: 4, taskId: 'd', status: 'Pending' }),
    ])
    expect(store.totals()).toEqual({ running: 3, unfinished: 4, speed: 80e6, percents: [10, 20, 30] })
  })

  it('tell nobody when nothing has changed', () => {
    store.update([aDownload()])
    const listener = vi.fn()
    store.subscribeTotals(listener)
    store.update([aDownload({ bytesDownloaded: 3_910_000_001, updatedAt: at(11) })])
    expect(listener).not.toHaveBeenCalled()
    store.update([aDownload({ percent: 44.1, updatedAt: at(12) })])
    expect(listener).toHaveBeenCalledTimes(1)
  })
})

describe('the speeds', () => {
  const tick = (speedBytesPerSecond: number, differs = {}) => {
    store.update([aDownload({ speedBytesPerSecond, updatedAt: new Date(now).toISOString(), ...differs })])
    now += SAMPLE_EVERY / 2
  }

  it('are sampled twice a second', () => {
    for (const speed of [1, 2, 3, 4, 5]) tick(speed)
    expect(store.samplesOf(7)).toEqual([1, 3, 5])
  })

  it('go back 30 s and no further', () => {
    for (let index = 0; index < 300; index += 1) tick(index)
    expect(store.samplesOf(7)).toHaveLength(SAMPLES)
    expect(store.samplesOf(7).at(-1)).toBe(298)
  })

  it('are nothing during a stall', () => {
    tick(80e6, { stalledSeconds: 10 })
    expect(store.samplesOf(7)).toEqual([0])
  })

  it('begin anew with another download of the model', () => {
    tick(1)
    tick(2)
    store.update([
      aDownload({ taskId: TASK, speedBytesPerSecond: 9, updatedAt: new Date(now).toISOString() }),
    ])
    expect(store.samplesOf(7)).toEqual([9])
  })
})

describe('a running download of which nothing is heard', () => {
  it('has stalled after 10 s, and its speed is no longer shown', () => {
    store.update([aDownload()])
    now += 9999
    store.age()
    expect(store.of(7)?.stalledSeconds).toBe(0)
    now += 1
    store.age()
    expect(store.of(7)).toMatchObject({ stalledSeconds: 10, speedBytesPerSecond: 0, etaSeconds: null })
    expect(store.totals().speed).toBe(0)
  })

  it('lives again with the next word', () => {
    store.update([aDownload()])
    now += 20_000
    store.age()
    store.update([aDownload({ updatedAt: at(30) })])
    expect(store.of(7)?.stalledSeconds).toBe(0)
  })

  it('that waits has not stalled', () => {
    store.update([aDownload({ status: 'Pending' })])
    now += 60_000
    store.age()
    expect(store.of(7)?.stalledSeconds).toBe(0)
  })
})

it('draws the row that moves and no other', () => {
  const drawn = vi.fn()
  function Row({ id }: { id: number }) {
    drawn(id)
    return <p>{`${id}: ${useProgress(id)?.percent ?? '–'}`}</p>
  }
  render(
    <>
      <Row id={7} />
      <Row id={8} />
    </>,
  )
  drawn.mockClear()
  act(() => progress.update([aDownload({ percent: 12 })]))
  expect(screen.getByText('7: 12')).toBeInTheDocument()
  expect(drawn.mock.calls).toEqual([[7]])
  act(() => progress.drop(7))
  expect(screen.getByText('7: –')).toBeInTheDocument()
})
