import { expect, test } from 'vitest'
import { findModelIn, isToGet, openDetails } from '../../src/discover/entry-models'
import { aDownload, aModel } from '../make'
import { installed, started } from './make'

const entry = { id: 'qwen3-8b', modelId: null }

test('the model is the one that says which entry it is', () => {
  expect(findModelIn([aModel({ id: 1 }), started()])(entry)?.id).toBe(9)
  expect(findModelIn([aModel({ id: 1 })])(entry)).toBeNull()
})

test('of several the one that is here counts, then the one that is on its way', () => {
  const idle = started({ id: 1, downloadStatus: 'NotDownloaded', activeOperation: null })
  expect(findModelIn([idle, started({ id: 2 }), installed({ id: 3 })])(entry)?.id).toBe(3)
  expect(findModelIn([idle, started({ id: 2 })])(entry)?.id).toBe(2)
})

test('where no model says so, the catalog may know it by its id, as long as there is such a model', () => {
  expect(findModelIn([aModel({ id: 4 })])({ id: 'other', modelId: 4 })?.id).toBe(4)
  expect(findModelIn([])({ id: 'other', modelId: 4 })).toBeNull()
})

test('what is not registered or was never fetched is to get', () => {
  expect(isToGet(null)).toBe(true)
  expect(isToGet(aModel())).toBe(true)
  expect(isToGet(aModel({ activeOperation: aDownload({ operation: 'delete' }) }))).toBe(false)
  expect(isToGet(installed())).toBe(false)
  expect(isToGet(started({ downloadStatus: 'Canceled', activeOperation: null }))).toBe(false)
})

test('details are those of the model once it is registered', () => {
  openDetails(entry, null)
  expect(location.search).toBe('?entry=qwen3-8b')
  openDetails(entry, installed())
  expect(location.search).toBe('?info=9')
})
