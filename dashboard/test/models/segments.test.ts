import { expect, test } from 'vitest'
import type { Storage } from '../../src/api/storage'
import { segmentsOf } from '../../src/models/segments'
import { aModel } from '../make'
import { aStorage } from './make'

const here = (id: number, hfRepo: string, fileSizeBytes: number) =>
  aModel({ id, hfRepo, modelFile: null, downloadStatus: 'Downloaded', downloaded: true, fileSizeBytes })

const told = (storage: Storage, models: Parameters<typeof segmentsOf>[1]) =>
  segmentsOf(storage, models).map(({ name, bytes }) => [name, bytes])

test('families, the biggest first, and other files add up to what is used; then what is reserved', () => {
  const models = [here(1, 'a/Qwen3', 20), here(2, 'a/Llama-3', 50), here(3, 'b/Qwen2', 10)]
  expect(
    told(aStorage({ usedBytes: 100, managedBytes: 80, reservedBytes: 30, availableBytes: 400 }), models),
  ).toEqual([
    ['Llama', 50],
    ['Qwen', 30],
    ['Other files', 20],
    ['Reserved', 30],
  ])
})

test('what is not on this volume is not counted', () => {
  const models = [
    here(1, 'a/Qwen3', 20),
    aModel({ id: 2, downloadStatus: 'Downloading', fileSizeBytes: null }),
    aModel({ id: 3, source: 'path', hfRepo: null, downloaded: true, fileSizeBytes: 500 }),
  ]
  expect(told(aStorage({ usedBytes: 100, managedBytes: 20 }), models)).toEqual([
    ['Qwen', 20],
    ['Other files', 80],
  ])
})

test('a file that two models share counts once', () => {
  const models = [here(1, 'a/Qwen3', 40), here(2, 'a/Qwen3', 40)]
  expect(told(aStorage({ usedBytes: 100, managedBytes: 40 }), models)).toEqual([
    ['Qwen', 40],
    ['Other files', 60],
  ])
})

test('families beyond the sixth and those without a name are told together', () => {
  const repos = ['Qwen', 'Llama', 'Gemma', 'Mistral', 'DeepSeek', 'GLM-4', 'Granite', 'something']
  const models = repos.map((repo, index) => here(index + 1, `a/${repo}`, 10 + index))
  const segments = told(aStorage({ usedBytes: 1000, managedBytes: 108 }), models)
  expect(segments).toHaveLength(8)
  expect(segments.at(6)).toEqual(['Other models', 17 + 10])
})

test('a queue that does not fit is not drawn beyond the end', () => {
  const storage = aStorage({ usedBytes: 90, availableBytes: 10, reservedBytes: 30, managedBytes: 0 })
  expect(told(storage, [])).toEqual([
    ['Other files', 90],
    ['Reserved', 10],
  ])
})

test('before the models are known nothing is told apart', () => {
  expect(told(aStorage({ usedBytes: 90 }), null)).toEqual([['Used', 90]])
})
