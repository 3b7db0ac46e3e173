import { describe, expect, test } from 'vitest'
import {
  kindCounts,
  listed,
  optionsOf,
  readView,
  type View,
  viewPart,
  writeView,
} from '../../src/models/filters'
import { aHosted, aModel } from '../make'

const view = (text = ''): View => readView(new URLSearchParams(text))
const names = (models: ReturnType<typeof listed>) => models.map((model) => model.name)

const qwen = aModel({
  id: 1,
  name: 'Qwen3 14B',
  hfRepo: 'unsloth/Qwen3-14B-GGUF',
  modelFile: 'Qwen3-14B-Q4_K_M.gguf',
  downloadStatus: 'Downloading',
})
const small = aModel({
  id: 2,
  name: 'Qwen3 0.6B',
  downloadStatus: 'Downloaded',
  downloaded: true,
  fileSizeBytes: 381_000_000,
})
const llama = aModel({
  id: 3,
  name: 'Llama 70B',
  hfRepo: 'bartowski/Llama-3.3-70B-GGUF',
  modelFile: null,
  downloadStatus: 'Failed',
})
const bge = aModel({
  id: 4,
  name: 'BGE M3',
  category: 'embedding',
  hfRepo: 'BAAI/bge-m3',
  modelFile: null,
  downloadStatus: 'Downloaded',
  downloaded: true,
  fileSizeBytes: 2_300_000_000,
})
const hosted = aHosted({ id: 5, name: 'GPT-5 mini' })
const all = [qwen, small, llama, bge, hosted]

describe('what is listed', () => {
  test('everything, by name, with 0.6 before 14', () => {
    expect(names(listed(all, view()))).toEqual([
      'BGE M3',
      'GPT-5 mini',
      'Llama 70B',
      'Qwen3 0.6B',
      'Qwen3 14B',
    ])
  })

  test('search looks at name, repository and file, for every word, whatever the case', () => {
    expect(names(listed(all, view('q=BARTOWSKI')))).toEqual(['Llama 70B'])
    expect(names(listed(all, view('q=q4_k_m')))).toEqual(['Qwen3 14B'])
    expect(names(listed(all, view('q=qwen+0.6')))).toEqual(['Qwen3 0.6B'])
    expect(listed(all, view('q=qwen+llama'))).toEqual([])
  })

  test('values of one group are alternatives, groups must all fit', () => {
    expect(names(listed(all, view('status=Downloaded&status=Failed')))).toEqual([
      'BGE M3',
      'Llama 70B',
      'Qwen3 0.6B',
    ])
    expect(names(listed(all, view('status=Downloaded&status=Failed&family=Qwen')))).toEqual(['Qwen3 0.6B'])
    expect(names(listed(all, view('size=XL&size=M')))).toEqual(['Llama 70B', 'Qwen3 14B'])
  })

  test('hosted models have states of their own', () => {
    const connection = { ok: true, testedAt: '2026-11-21T08:00:00+00:00', latencyMs: 200, error: null }
    const tested = [
      aHosted({ id: 6, name: 'A', connection }),
      aHosted({ id: 7, name: 'B', connection: { ...connection, ok: false } }),
      hosted,
    ]
    expect(names(listed(tested, view('status=Connected')))).toEqual(['A'])
    expect(names(listed(tested, view('status=Failing')))).toEqual(['B'])
    expect(names(listed(tested, view('status=Not+tested')))).toEqual(['GPT-5 mini'])
  })

  test('a kind leaves its models, and LLM means local ones', () => {
    expect(names(listed(all, view('kind=hosted')))).toEqual(['GPT-5 mini'])
    expect(names(listed(all, view('kind=llm')))).toEqual(['Llama 70B', 'Qwen3 0.6B', 'Qwen3 14B'])
    expect(kindCounts(all)).toEqual({ all: 5, llm: 3, embedding: 1, reranker: 0, splade: 0, hosted: 1 })
  })
})

describe('order', () => {
  test('unknown sizes stand last both ways, by name', () => {
    expect(names(listed(all, view('sort=size')))).toEqual([
      'Qwen3 0.6B',
      'BGE M3',
      'GPT-5 mini',
      'Llama 70B',
      'Qwen3 14B',
    ])
    expect(names(listed(all, view('sort=-size')))).toEqual([
      'BGE M3',
      'Qwen3 0.6B',
      'GPT-5 mini',
      'Llama 70B',
      'Qwen3 14B',
    ])
  })

  test('hosted models, which are neither, stand last by Downloaded', () => {
    expect(names(listed(all, view('sort=downloaded'))).at(-1)).toBe('GPT-5 mini')
    expect(names(listed(all, view('sort=-downloaded')))).toEqual([
      'BGE M3',
      'Qwen3 0.6B',
      'Llama 70B',
      'Qwen3 14B',
      'GPT-5 mini',
    ])
  })

  test.each([
    ['-name', ['Qwen3 14B', 'Qwen3 0.6B', 'Llama 70B', 'GPT-5 mini', 'BGE M3']],
    ['type', ['GPT-5 mini', 'BGE M3', 'Llama 70B', 'Qwen3 0.6B', 'Qwen3 14B']],
    ['-type', ['BGE M3', 'Llama 70B', 'Qwen3 0.6B', 'Qwen3 14B', 'GPT-5 mini']],
    ['source', ['BGE M3', 'Llama 70B', 'GPT-5 mini', 'Qwen3 0.6B', 'Qwen3 14B']],
    ['-source', ['Qwen3 14B', 'Qwen3 0.6B', 'GPT-5 mini', 'Llama 70B', 'BGE M3']],
    ['status', ['BGE M3', 'Qwen3 0.6B', 'Qwen3 14B', 'Llama 70B', 'GPT-5 mini']],
    ['-status', ['GPT-5 mini', 'Llama 70B', 'Qwen3 14B', 'BGE M3', 'Qwen3 0.6B']],
  ])('by %s', (sort, expected) => {
    expect(names(listed(all, view(`sort=${sort}`)))).toEqual(expected)
  })

  test('equal names keep their order by id, so that nothing jumps', () => {
    const twins = [aModel({ id: 9, name: 'Twin' }), aModel({ id: 8, name: 'twin' })]
    expect(listed(twins, view('sort=-size')).map((model) => model.id)).toEqual([8, 9])
  })
})

describe('the address', () => {
  test('says what differs from the first view and nothing else', () => {
    expect(writeView(view(), new URLSearchParams()).toString()).toBe('')
    const text =
      'q=qw+en&kind=llm&family=Qwen&family=Llama&size=M&status=Not+tested&sort=-size&view=repositories'
    expect(writeView(view(text), new URLSearchParams()).toString()).toBe(text)
  })

  test('other parameters of the page stay', () => {
    expect(writeView(view('q=a'), new URLSearchParams('info=7&q=b')).toString()).toBe('info=7&q=a')
    expect(viewPart(new URLSearchParams('info=7&q=b'))).toBe('q=b')
  })

  test('what it does not know is as at first', () => {
    expect(view('kind=bogus&size=XXL&status=Gone&sort=colour&view=cloud')).toEqual(view())
  })
})

describe('what the filters offer', () => {
  test('families of the register, Other last; Paused and the hosted states only where there are any', () => {
    const options = optionsOf(
      [qwen, llama, aModel({ id: 9, hfRepo: 'somebody/thing', modelFile: null })],
      view(),
    )
    expect(options.family.map(({ value }) => value)).toEqual(['Llama', 'Qwen', 'Other'])
    expect(options.status.map(({ value }) => value)).toEqual([
      'Downloaded',
      'Downloading',
      'Pending',
      'Failed',
      'Canceled',
      'Available',
    ])
    const more = optionsOf([hosted, aModel({ downloadStatus: 'Paused' })], view())
    expect(more.status.map(({ value }) => value)).toEqual(
      expect.arrayContaining(['Paused', 'Connected', 'Failing', 'Not tested']),
    )
  })

  test('what is chosen stays to be taken back although the register has lost it', () => {
    expect(optionsOf([qwen], view('family=Gone')).family.map(({ value }) => value)).toEqual(['Gone', 'Qwen'])
  })
})
